import { KindGuard, type TSchema } from '@sinclair/typebox'
import t from 'tap'
import { checkOptions, formatPath, parseOptions, sessionSchema } from 'fastify-oidc-session-store'

const secret = 'long enough to be a secret'

function problems (input: object): string[] {
  return checkOptions(sessionSchema, { secret, ...input }).problems.map(({ path, message }) => `${formatPath(path)} ${message}`)
}

t.test('the defaults are those of the attribute table', async t => {
  t.match(parseOptions('session', sessionSchema, { secret }), {
    secret_fallbacks: [],
    cookie: { lifetime: 3600 },
    cookie_http_only: true,
    cookie_same_site: 'Lax',
    cookie_name: undefined,
    idling_timeout: undefined,
    rolling_timeout: undefined,
    absolute_timeout: 86400,
    storage: 'cookie',
    coordination: undefined,
    redis: {
      host: '127.0.0.1',
      port: 6379,
      database: 0,
      prefix: 'sessions',
      ssl: false,
      ssl_verify: true,
      connect_timeout: 1000,
      send_timeout: 1000,
      read_timeout: 1000,
      keepalive_timeout: 10000
    }
  })
})

t.test('a secret has 16 characters at least, a fallback too', async t => {
  t.same(problems({ secret: 'x'.repeat(15) }), ['secret is too short: at least 16 characters'])
  t.same(problems({ secret: 'x'.repeat(16) }), [])
  t.same(problems({ secret_fallbacks: [secret, 'short'] }), ['secret_fallbacks[1] is too short: at least 16 characters'])
})

t.test('a cookie name that a header could not carry is refused', async t => {
  for (const name of ['', 'a b', 'a=b', 'a;b', 'a,b', 'a"b', 'ä', 'a\r\nb', 'a'.repeat(65)]) t.equal(problems({ cookie_name: name }).length, 1, JSON.stringify(name))
  for (const name of ['session', '__Host-oidc', 'a.b_c~d']) t.same(problems({ cookie_name: name }), [])
})

t.test('a path or domain cannot add an attribute to the cookie', async t => {
  for (const path of ['', 'x', '/; Domain=evil.example', '/a b', '/a\r\nSet-Cookie: x', '/a,b']) t.equal(problems({ cookie_path: path }).length, 1, JSON.stringify(path))
  for (const domain of ['', 'a b', 'example.com; Path=/', 'example.com\r\n', 'exämple.com']) t.equal(problems({ cookie_domain: domain }).length, 1, JSON.stringify(domain))
  t.same(problems({ cookie_path: '/app', cookie_domain: '.example.com' }), [])
})

t.test('times are whole and not negative', async t => {
  t.same(problems({ absolute_timeout: -1 }), ['absolute_timeout must be 0 or more'])
  t.same(problems({ cookie: { lifetime: 0 } }), ['cookie.lifetime must be 1 or more'])
  t.same(problems({ idling_timeout: 0.5 }), ['idling_timeout must be an integer, not a number'])
  t.same(problems({ absolute_timeout: 0, idling_timeout: 0, rolling_timeout: 0 }), [])
})

t.test('choices name what can be chosen', async t => {
  t.same(problems({ storage: 'memcached' }), ['storage must be one of "cookie", "redis"'])
  t.same(problems({ cookie_same_site: 'lax' }), ['cookie_same_site must be one of "Lax", "Strict", "None", "Default"'])
  t.same(problems({ coordination: 'cluster' }), ['coordination must be one of "process", "workers", "redis"'])
})

t.test('every option is described', async t => {
  const missing: string[] = []
  const visit = (schema: TSchema, path: string): void => {
    if (typeof schema.description !== 'string' || schema.description.length < 5) missing.push(path)
    if (KindGuard.IsObject(schema)) for (const [name, member] of Object.entries(schema.properties)) visit(member, `${path}.${name}`)
  }
  visit(sessionSchema, 'session')
  t.same(missing, [])
})

t.test('sessions in Redis: what is written of it stays as it is, beside the options of the cookie (S015, S024, S026)', async t => {
  for (const [name, written] of [
    ['S015', { storage: 'redis', redis: { host: '127.0.0.1', port: 6379, prefix: 'sessions' } }],
    ['S024', { storage: 'redis', redis: { host: 'redis.example', port: 6380 } }],
    ['S026', { storage: 'redis', redis: { host: '127.0.0.1' }, cookie_name: 'custom', absolute_timeout: 7200 }]
  ] as const) {
    t.same(problems(written), [], name)
    t.hasStrict(parseOptions('session', sessionSchema, { secret, ...written }), { secret, ...written }, name)
  }
})
