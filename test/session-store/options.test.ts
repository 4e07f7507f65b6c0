import { Type } from '@sinclair/typebox'
import t from 'tap'
import { checkOptions, formatPath, group, nearestName, parseOptions, withDefault } from 'fastify-oidc-session-store'

const schema = Type.Object({
  name: Type.String({ minLength: 3, maxLength: 10 }),
  secret: Type.Optional(Type.String({ minLength: 16 })),
  port: withDefault(Type.Integer({ minimum: 1, maximum: 65535 }), 6379),
  mode: withDefault(Type.Union([Type.Literal('Lax'), Type.Literal('Strict')]), 'Lax'),
  path: Type.Optional(Type.String({ pattern: '^/', description: 'A path.' })),
  tags: withDefault(Type.Array(Type.String({ minLength: 2 })), []),
  only: Type.Optional(Type.Literal('this')),
  needed: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  cookie: group({ lifetime: withDefault(Type.Integer({ minimum: 1 }), 3600), secure: Type.Optional(Type.Boolean()) }, 'Cookie.')
}, { additionalProperties: false })

function problems (input: unknown): string[] {
  return checkOptions(schema, input).problems.map(({ path, message }) => `${formatPath(path)} ${message}`)
}

t.test('defaults are filled in, in groups that were left out too', async t => {
  t.same(parseOptions('test', schema, { name: 'abc' }), { name: 'abc', port: 6379, mode: 'Lax', tags: [], cookie: { lifetime: 3600 } })
  t.same(parseOptions('test', schema, { name: 'abc', cookie: { secure: true } }).cookie, { lifetime: 3600, secure: true })
})

t.test('a value that was written wins over its default', async t => {
  const options = parseOptions('test', schema, { name: 'abc', port: 1, mode: 'Strict', tags: ['aa'], cookie: { lifetime: 1 } })
  t.match(options, { port: 1, mode: 'Strict', tags: ['aa'], cookie: { lifetime: 1 } })
})

t.test('a list that was written takes the place of its default, whatever their lengths', async t => {
  const listed = Type.Object({ methods: withDefault(Type.Array(Type.String()), ['GET', 'POST', 'DELETE']) })
  t.same(parseOptions('test', listed, { methods: ['GET'] }).methods, ['GET'])
  t.same(parseOptions('test', listed, { methods: [] }).methods, [])
  t.same(parseOptions('test', listed, {}).methods, ['GET', 'POST', 'DELETE'])
})

t.test('defaults are filled in within lists of groups', async t => {
  const nested = Type.Object({ routes: withDefault(Type.Array(Type.Object({ uri: Type.String(), port: withDefault(Type.Integer(), 80) })), []) })
  t.same(parseOptions('test', nested, { routes: [{ uri: '/' }, { uri: '/a', port: 1 }] }).routes, [{ uri: '/', port: 80 }, { uri: '/a', port: 1 }])
})

t.test('an option that was set to undefined counts as left out', async t => {
  t.equal(parseOptions('test', schema, { name: 'abc', port: undefined, path: undefined }).port, 6379)
})

t.test('the result is frozen all through, and the caller\'s object is left as it is', async t => {
  const input = { name: 'abc', tags: ['aa'], cookie: {} }
  const options = parseOptions('test', schema, input)
  t.same(input, { name: 'abc', tags: ['aa'], cookie: {} })
  t.notOk(Object.isFrozen(input) || Object.isFrozen(input.tags) || Object.isFrozen(input.cookie))
  for (const part of [options, options.tags, options.cookie]) t.ok(Object.isFrozen(part))
  input.tags.push('later')
  t.same(options.tags, ['aa'])
})

t.test('a caller\'s frozen object is taken too', async t => {
  t.equal(parseOptions('test', schema, Object.freeze({ name: 'abc', cookie: Object.freeze({}) })).cookie.lifetime, 3600)
})

t.test('defaults are not shared between two results', async t => {
  t.not(parseOptions('test', schema, { name: 'abc' }).tags, parseOptions('test', schema, { name: 'abc' }).tags)
})

t.test('functions and instances are passed on as they are', async t => {
  const open = Type.Object({ clock: Type.Unsafe<() => number>(Type.Any()), url: Type.Unsafe<URL>(Type.Any()) })
  const input = { clock: () => 1, url: new URL('https://op.example') }
  const options = parseOptions('test', open, input)
  t.equal(options.clock, input.clock)
  t.equal(options.url, input.url)
  t.notOk(Object.isFrozen(input.url))
})

t.test('every problem is told at once, with the plugin\'s name, one a line', async t => {
  const input = { port: 0, mode: 'lax', cookie: { lifetime: '1' }, tags: ['aa', 'b'], nmae: 'x' }
  t.throws(() => parseOptions('the plugin', schema, input), {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /^the plugin: invalid options\n( {2}- .+\n){5} {2}- .+$/
  })
  t.same(problems(input).sort(), [
    'cookie.lifetime must be an integer, not a string',
    'mode must be one of "Lax", "Strict"',
    'name is required',
    'nmae is not a known option; did you mean name?',
    'port must be 1 or more',
    'tags[1] is too short: at least 2 characters'
  ])
})

t.test('each kind of problem says what was expected', async t => {
  const wrong = (changes: object): string[] => problems({ name: 'abc', ...changes })
  t.same(wrong({ name: 'a' }), ['name is too short: at least 3 characters'])
  t.same(wrong({ name: 'a'.repeat(11) }), ['name is too long: at most 10 characters'])
  t.same(wrong({ name: null }), ['name must be a string, not null'])
  t.same(wrong({ port: 70000 }), ['port must be 65535 or less'])
  t.same(wrong({ port: 1.5 }), ['port must be an integer, not a number'])
  t.same(wrong({ port: '6379' }), ['port must be an integer, not a string'], 'nothing is converted')
  t.same(wrong({ mode: 5 }), ['mode must be one of "Lax", "Strict", not a number'])
  t.same(wrong({ only: 'that' }), ['only must be "this"'])
  t.same(wrong({ path: 'x' }), ['path has the wrong form (A path.)'])
  t.same(wrong({ tags: 'x' }), ['tags must be an array, not a string'])
  t.same(wrong({ needed: [] }), ['needed needs at least 1 of them'])
  t.same(wrong({ cookie: [] }), ['cookie must be an object, not an array'])
  t.same(wrong({ cookie: { secure: 'yes' } }), ['cookie.secure must be a boolean, not a string'])
  t.same(wrong({ cookie: null }), ['cookie must be an object, not null'])
})

t.test('options that are no object at all are a problem, not a crash', async t => {
  for (const input of [null, 'text', 5, true, [], () => {}]) t.throws(() => parseOptions('test', schema, input), { code: 'FST_OIDC_OPTIONS_INVALID' })
  t.throws(() => parseOptions('test', schema, undefined), { code: 'FST_OIDC_OPTIONS_INVALID' })
})

t.test('a value is never repeated in a message', async t => {
  const secret = 'hunter2-hunter2'
  for (const input of [{ secret }, { name: secret, secret }, { name: 'abc', path: secret }, { name: 'abc', mode: secret }, { name: 'abc', port: secret }, { name: 'abc', tags: secret }, { name: 'abc', cookie: { lifetime: secret } }, { name: 'abc', cookie: secret }, secret]) {
    try {
      parseOptions('test', schema, input)
      t.fail('was accepted')
    } catch (err) {
      t.notMatch((err as Error).message, /hunter2/)
    }
  }
})

t.test('names of Object.prototype are unknown options', async t => {
  for (const key of ['constructor', 'toString', 'hasOwnProperty']) t.same(problems({ name: 'abc', [key]: {} }), [`${key} is not a known option`])
  const polluting: unknown = JSON.parse('{"name":"abc","__proto__":{"polluted":true},"cookie":{"__proto__":{"lifetime":5}}}')
  t.same(problems(polluting).sort(), ['__proto__ is not a known option; did you mean port?', 'cookie.__proto__ is not a known option'])
  t.equal(({} as Record<string, unknown>).polluted, undefined)
})

t.test('the nearest known name is the one that was meant', async t => {
  const known = ['client_id', 'client_secret', 'redirect_uri', 'session', 'scope', 'ssl_verify']
  for (const [typed, meant] of [['clientId', 'client_id'], ['client-secret', 'client_secret'], ['redirect_url', 'redirect_uri'], ['sesion', 'session'], ['SCOPE', 'scope'], ['sslverify', 'ssl_verify']] as const) {
    t.equal(nearestName(typed, known), meant)
  }
  for (const typed of ['introspection_endpoint', 'x', 'completely_different']) t.equal(nearestName(typed, known), null)
  t.equal(nearestName('anything', []), null)
})

t.test('a path reads as one would write it', async t => {
  t.equal(formatPath(['session', 'redis', 'port']), 'session.redis.port')
  t.equal(formatPath(['routes', '0', 'uri']), 'routes[0].uri')
  t.equal(formatPath([]), '')
})
