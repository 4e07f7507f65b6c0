import t from 'tap'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { claimsFor, createAuthority, createSigner, type Authority, type GrantAsked, type Granted } from './bearer-parts.ts'
import { movableClock } from './session-parts.ts'
import { createApplication } from './support.ts'

type Scope = Parameters<typeof createAuthority>[0]

const signer = await createSigner('ES256')
const encode = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const basic = (name: string, password: string): Record<string, string> => ({ authorization: encode(`${name}:${password}`) })

interface House {
  readonly app: FastifyInstance
  readonly authority: Authority
  readonly log: ReadonlyArray<Record<string, unknown>>
  readonly passwords: Map<string, string>
  status (name: string, password: string, remoteAddress?: string): Promise<number>
}

async function tokenFor (authority: Authority, sub: string, more: Record<string, unknown> = {}, life = 300): Promise<Granted> {
  return { body: { access_token: await signer.sign(claimsFor(authority, { sub, jti: String(Math.random()), ...more })), token_type: 'Bearer', expires_in: life } }
}

const UNKNOWN: Granted = { status: 400, body: { error: 'invalid_grant', error_description: 'no such user' } }

/** An application, and a provider with users and passwords at the test's will. */
async function house (t: Scope, options: Partial<OidcPluginOptions> = {}): Promise<House> {
  const authority = await createAuthority(t)
  const passwords = new Map([['ann', 'one']])
  authority.grants = async ({ form }) => passwords.get(form.get('username') ?? '') === form.get('password') ? await tokenFor(authority, form.get('username') ?? '') : UNKNOWN
  const { app, log } = createApplication(t)
  await app.register(oidc, { client_id: 'app', client_secret: 'our secret', discovery: authority.discovery, bearer_only: true, public_key: signer.pem, audience: 'api', timeout: 30, auth_methods: ['password'], security_profile: 'oauth2.1', ...options } as OidcPluginOptions)
  app.all('/*', async ({ oidc: { user }, headers }) => ({ user, authorization: headers.authorization ?? null }))
  const status: House['status'] = async (name, password, remoteAddress = '192.0.2.1') => (await app.inject({ url: '/', headers: basic(name, password), remoteAddress })).statusCode
  return { app, authority, log, passwords, status }
}

const calls = ({ authority }: House): number => authority.asked.length

t.test('a hundred first requests with one credential are one call', async t => {
  const at = await house(t)
  let open = (): void => {}
  const gate = new Promise<void>(resolve => { open = resolve })
  const honest = at.authority.grants
  at.authority.grants = async asked => { await gate; return await honest(asked) }
  const answers = Promise.all(Array.from({ length: 100 }, async () => await at.status('ann', 'one')))
  await at.app.inject({ url: '/', headers: { authorization: 'Digest x' } })
  open()
  t.strictSame([...new Set(await answers)], [200])
  t.equal(calls(at), 1)
  t.match(at.authority.asked[0], { client: { id: 'app', secret: 'our secret' } })
  t.strictSame(Object.fromEntries(at.authority.asked[0]?.form ?? []), { grant_type: 'password', username: 'ann', password: 'one', scope: 'openid' })
  t.strictSame([await at.status('ann', 'one', '198.51.100.7'), calls(at)], [200, 1], 'from another address too')
  await Promise.all(Array.from({ length: 100 }, async () => await at.status('ann', 'two')))
  t.equal(calls(at), 2, 'and so are wrong ones')
})

t.test('a client is asked for by its own name, without the scopes of users', async t => {
  const at = await house(t, { auth_methods: ['client_credentials'], scope: 'openid profile read', authorization_params: { audience: 'api', prompt: 'login' } })
  at.authority.grants = async ({ client }) => client?.secret === 'a/+%' ? await tokenFor(at.authority, client.id) : { status: 401, headers: { 'www-authenticate': 'Basic realm="idp"' }, body: { error: 'invalid_client' } }
  t.match((await at.app.inject({ url: '/', headers: basic('job 1', 'a/+%') })).json(), { user: 'job 1', authorization: null })
  t.match(at.authority.asked[0], { client: { id: 'job 1', secret: 'a/+%' } })
  t.strictSame(Object.fromEntries(at.authority.asked[0]?.form ?? []), { grant_type: 'client_credentials', scope: 'read', audience: 'api' })
  t.equal(await at.status('job 1', 'wrong'), 401)
  t.equal(await at.status('jöb', 'secret'), 401)
  t.equal(calls(at), 2, 'no client has letters beyond ASCII')
})

t.test('wrong ones are remembered for seconds, right ones for minutes, and no longer than their token', async t => {
  const clock = movableClock(t)
  const at = await house(t, { access_token_expires_leeway: 10 })
  const honest = at.authority.grants
  t.strictSame([await at.status('ann', 'two'), await at.status('ann', 'two'), calls(at)], [401, 401, 1])
  t.strictSame([await at.status('ann', 'one'), calls(at)], [200, 2], 'beside the right one')
  at.passwords.set('ann', 'two')
  clock.advance(6)
  t.strictSame([await at.status('ann', 'two'), calls(at)], [200, 3], 'a password that was changed is good within seconds')
  t.equal(await at.status('ann', 'one'), 200)
  clock.advance(284)
  t.equal(calls(at), 3)
  t.strictSame([await at.status('ann', 'one'), calls(at)], [401, 4], 'and the former one is none before its token ends')
  at.authority.grants = async () => await tokenFor(at.authority, 'ann', { exp: Math.floor(Date.now() / 1000) + 3600 }, 3600)
  clock.advance(300)
  t.strictSame([await at.status('ann', 'two'), calls(at)], [200, 5])
  clock.advance(299)
  t.strictSame([await at.status('ann', 'two'), calls(at)], [200, 5])
  clock.advance(2)
  at.authority.grants = honest
  t.strictSame([await at.status('ann', 'two'), calls(at)], [200, 6], 'however long a token lives')
})

t.test('guesses are counted: of a name, and of an address; and the right one is not told from them', async t => {
  const at = await house(t)
  t.equal(await at.status('ann', 'one'), 200)
  for (let guess = 0; guess < 10; guess++) t.equal(await at.status('ann', `guess ${guess}`), 401)
  const held = await at.app.inject({ url: '/', headers: basic('ann', 'guess'), remoteAddress: '192.0.2.1' })
  t.match(held, { statusCode: 429, headers: { 'www-authenticate': undefined } })
  t.ok(Number(held.headers['retry-after']) > 200 && Number(held.headers['retry-after']) <= 300)
  t.equal(await at.status('ann', 'one'), 429, 'although it is kept')
  t.equal(await at.status('ann', 'one', '192.0.2.2'), 200, 'from elsewhere')
  t.equal(calls(at), 11)
  for (let guess = 0; guess < 90; guess++) await at.status(`name ${guess}`, 'guess')
  t.equal(await at.status('bob', 'guess'), 429)
  t.equal(calls(at), 101)
})

t.test('whoever guesses at a kept password from many addresses learns nothing of it', async t => {
  const at = await house(t)
  t.equal(await at.status('ann', 'one'), 200)
  for (let guess = 0; guess < 100; guess++) await at.status('ann', `guess ${guess}`, `198.51.100.${guess}`)
  t.equal(await at.status('ann', 'one', '203.0.113.9'), 429, 'a new address is not told')
  t.equal(await at.status('ann', 'one'), 200, 'who was right before is not kept out')
})

t.test('an address that guessed too often is not told what others tried a moment ago', async t => {
  const at = await house(t)
  at.authority.grants = async ({ form }) => form.get('password') === 'one' ? await tokenFor(at.authority, 'ann', { iss: 'https://idp.example' }) : UNKNOWN
  for (let guess = 0; guess < 10; guess++) t.equal(await at.status('ann', `guess ${guess}`, '203.0.113.9'), 401)
  t.strictSame([await at.status('ann', 'one'), await at.status('ann', 'old')], [502, 401])
  const asked = calls(at)
  for (const password of ['never', 'one', 'old', 'guess 9']) t.equal(await at.status('ann', password, '203.0.113.9'), 429, password)
  t.equal(calls(at), asked)
  t.strictSame([await at.status('ann', 'one'), await at.status('ann', 'old')], [502, 401], 'elsewhere it is still said')
})

t.test('where an address may guess no more, guesses at a name that was right there are counted still', async t => {
  const at = await house(t)
  t.equal(await at.status('ann', 'one'), 200)
  for (let guess = 0; guess < 100; guess++) await at.status(`name ${guess}`, 'guess')
  t.equal(await at.status('ann', 'one'), 200)
  for (let guess = 0; guess < 10; guess++) t.equal(await at.status('ann', `guess ${guess}`), 429)
  t.equal(await at.status('ann', 'one'), 429, 'or the right one would be told from them')
})

t.test('guesses that are being looked at keep others waiting for a moment, and not for minutes', async t => {
  const at = await house(t)
  let open = (): void => {}
  const gate = new Promise<void>(resolve => { open = resolve })
  const honest = at.authority.grants
  at.authority.grants = async asked => { await gate; return await honest(asked) }
  for (let index = 0; index <= 100; index++) at.passwords.set(`program ${index}`, 'right')
  const first = Promise.all(Array.from({ length: 100 }, async (_none, index) => await at.status(`program ${index}`, 'right')))
  for (let time = 0; time < 120; time++) t.match(await at.app.inject({ url: '/', headers: basic('program 100', 'right'), remoteAddress: '192.0.2.1' }), { statusCode: 429, headers: { 'retry-after': '1' } })
  open()
  t.strictSame([...new Set(await first)], [200])
  t.equal(await at.status('program 100', 'right'), 200, 'nothing was wrong')
  t.equal(calls(at), 101)
  for (let guess = 0; guess < 100; guess++) t.equal(await at.status(`name ${guess}`, 'guess'), 401)
  t.ok(Number((await at.app.inject({ url: '/', headers: basic('bob', 'guess'), remoteAddress: '192.0.2.1' })).headers['retry-after']) > 200, 'wrong ones count as ever')
})

t.test('an outage is 503 and never 401, and no guess', async t => {
  const at = await house(t)
  const honest = at.authority.grants
  const faults: ReadonlyArray<readonly [Granted | 'reset', number, string]> = [
    [{ status: 503, body: {} }, 503, 'FST_OIDC_PROVIDER_UNAVAILABLE'],
    [{ status: 429, body: {} }, 503, 'FST_OIDC_PROVIDER_UNAVAILABLE'],
    [{ status: 500, body: { error: 'invalid_grant' } }, 503, 'FST_OIDC_PROVIDER_UNAVAILABLE'],
    [{ status: 400, body: { error: 'unsupported_grant_type' } }, 502, 'FST_OIDC_PROVIDER_INVALID'],
    [{ status: 400, body: { error: 'unauthorized_client' } }, 502, 'FST_OIDC_CLIENT_REFUSED'],
    [{ status: 401, headers: { 'www-authenticate': 'Basic realm="idp"' }, body: { error: 'invalid_client' } }, 502, 'FST_OIDC_CLIENT_REFUSED'],
    [{ status: 400, body: { error: 'invalid_scope', error_description: 'for ann with horse battery staple' } }, 502, 'FST_OIDC_PROVIDER_INVALID'],
    [{ body: { access_token: 'x', token_type: 'DPoP' } }, 502, 'FST_OIDC_TOKEN_INVALID'],
    [{ body: { token_type: 'Bearer' } }, 502, 'FST_OIDC_TOKEN_INVALID']
  ]
  for (const [fault, status, code] of faults) {
    at.authority.grants = () => fault as Granted
    for (let time = 0; time < 2; time++) t.match(await at.app.inject({ url: '/', headers: basic('ann', 'horse battery staple') }), { statusCode: status, headers: { 'www-authenticate': undefined }, payload: new RegExp(code) }, JSON.stringify(fault))
  }
  at.authority.failures['/token'] = 'reset'
  t.equal(await at.status('ann', 'one'), 503)
  delete at.authority.failures['/token']
  at.authority.grants = honest
  t.equal(await at.status('ann', 'one'), 200)
  t.notOk(JSON.stringify(at.log).includes('horse battery'), 'not even where the provider repeats it')
  at.authority.grants = () => ({ status: 503, body: {} })
  t.equal(await at.status('ann', 'one'), 200, 'who is known goes on')
})

t.test('a token that does not hold here is our fault, and not asked for again and again', async t => {
  const at = await house(t)
  at.authority.grants = async () => await tokenFor(at.authority, 'ann', { iss: 'https://idp.example' })
  for (let time = 0; time < 5; time++) t.equal(await at.status('ann', 'one'), 502)
  t.equal(calls(at), 1)
  t.match(at.log.find(line => line.code === 'FST_OIDC_TOKEN_INVALID')?.msg, /is not one that is accepted here: .*iss/)
  at.authority.grants = async () => await tokenFor(at.authority, 'bob', { aud: 'another' })
  t.equal(await at.status('bob', 'x'), 403, 'for another API it is refused as any token is')
})

t.test('the method that knew a credential is asked alone, for as long as it does', async t => {
  const clock = movableClock(t)
  const at = await house(t, { auth_methods: ['password', 'client_credentials'] })
  let secret = 'secret'
  const asked = (): string[] => at.authority.asked.splice(0).map(({ form }) => form.get('grant_type') ?? '')
  at.authority.grants = async ({ client }) => client?.id === 'job' && client.secret === secret ? await tokenFor(at.authority, 'job') : UNKNOWN
  t.strictSame([await at.status('job', 'secret'), asked()], [200, ['password', 'client_credentials']])
  for (let expiry = 0; expiry < 3; expiry++) {
    clock.advance(301)
    t.strictSame([await at.status('job', 'secret'), asked()], [200, ['client_credentials']], 'no user is asked for')
  }
  at.authority.failures['/token'] = 'reset'
  clock.advance(301)
  t.strictSame([await at.status('job', 'secret'), asked()], [503, []])
  delete at.authority.failures['/token']
  t.strictSame([await at.status('job', 'secret'), asked()], [200, ['client_credentials']], 'an outage says nothing of it')
  secret = 'another'
  clock.advance(301)
  t.strictSame([await at.status('job', 'secret'), asked()], [401, ['client_credentials', 'password']])
  clock.advance(6)
  t.strictSame([await at.status('job', 'secret'), asked()], [401, ['password', 'client_credentials']])
})

t.test('claims that claim_schema does not take are 401, as with a bearer token, and one call', async t => {
  for (const token of ['jwt', 'opaque']) {
    const authority = await createAuthority(t)
    const { app, log } = createApplication(t)
    authority.grants = async () => token === 'jwt' ? await tokenFor(authority, 'ann') : { body: { access_token: `opaque ${authority.asked.length}`.replace(' ', '-'), token_type: 'Bearer', expires_in: 300 } }
    authority.knows = () => claimsFor(authority, { active: true, sub: 'ann' })
    await app.register(oidc, { client_id: 'app', client_secret: 'our secret', discovery: authority.discovery, bearer_only: true, ...token === 'jwt' ? { public_key: signer.pem } : { introspection_endpoint: `${authority.issuer}/introspect` }, audience: 'api', auth_methods: ['password'], claim_schema: { type: 'object', required: ['staff'] } } as OidcPluginOptions)
    app.get('/', async () => '')
    for (let time = 0; time < 4; time++) t.match(await app.inject({ url: '/', headers: basic('ann', 'one') }), { statusCode: 401, headers: { 'www-authenticate': [/invalid_token/] }, payload: /FST_OIDC_BEARER_INVALID/ }, token)
    t.equal(authority.asked.length, 1)
    t.strictSame([...new Set(log.filter(line => line.oidc === 'refused').map(line => line.level))], [30], 'nothing for an operator to mend')
  }
})

t.test('a token that was taken back is exchanged anew', async t => {
  const clock = movableClock(t)
  const { app } = createApplication(t)
  const authority = await createAuthority(t)
  let current = ''
  authority.grants = () => {
    current = `opaque-${authority.asked.length}`
    return { body: { access_token: current, token_type: 'Bearer', expires_in: 300 } }
  }
  authority.knows = token => token === current ? claimsFor(authority, { active: true, sub: 'ann' }) : undefined
  await app.register(oidc, { client_id: 'app', client_secret: 'our secret', discovery: authority.discovery, bearer_only: true, introspection_endpoint: `${authority.issuer}/introspect`, introspection_interval: 2, audience: 'api', auth_methods: ['password'] } as OidcPluginOptions)
  app.get('/', async request => request.oidc.accessToken)
  const token = async (): Promise<string> => (await app.inject({ url: '/', headers: basic('ann', 'one') })).body
  t.equal(await token(), 'opaque-1')
  current = 'taken back'
  t.equal(await token(), 'opaque-1', 'for as long as an introspection is kept')
  clock.advance(3)
  t.equal(await token(), 'opaque-2')
})

t.test('hostile values of Authorization ask nobody, or one that can be asked', async t => {
  const at = await house(t, { auth_methods: ['password', 'client_credentials'] })
  const seen: GrantAsked[] = []
  at.authority.grants = asked => { seen.push(asked); return UNKNOWN }
  const fixed: ReadonlyArray<readonly [string, number]> = [
    ['Basic', 400], ['basic ', 400], ['Basic =', 400], ['Basic !!!', 400], ['Basic QQ', 400], [`Basic ${Buffer.from([0x61, 0x3a, 0xff]).toString('base64')}`, 400],
    [encode(':x'), 401], [encode('ann:'), 401], [encode('ann:a\nb'), 401], [encode('a\0n:x'), 401], [encode('ann:\u007f'), 401],
    [encode(`ann:${'x'.repeat(2049)}`), 401], [encode(`${'n'.repeat(513)}:x`), 401], [`Basic ${'A'.repeat(5000)}`, 401], [encode(`ann:${'ä'.repeat(1025)}`), 401],
    ['Digest username="ann"', 401], ['Basic,Basic QTpC', 401], ['BasicQTpC', 401]
  ]
  for (const [authorization, status] of fixed) t.equal((await at.app.inject({ url: '/', headers: { authorization } })).statusCode, status, JSON.stringify(authorization.slice(0, 40)))
  t.equal(seen.length, 0)
  let address = 0
  const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), fc.string({ maxLength: 60 }), fc.constantFrom('__proto__:x', 'a:b:c', 'constructor:constructor', 'ann:%00', '\ufeffann:one'))
  await fc.assert(fc.asyncProperty(anything, fc.constantFrom('Basic ', 'basic  ', 'BASIC '), async (text, scheme) => {
    const before = seen.length
    address++
    const { statusCode } = await at.app.inject({ url: '/', headers: { authorization: scheme + Buffer.from(text).toString('base64') }, remoteAddress: `10.0.${address >> 8}.${address & 255}` })
    if (![400, 401, 429].includes(statusCode)) return false
    const colon = text.indexOf(':')
    return seen.slice(before).every(({ form, client }) => form.get('grant_type') === 'password'
      ? form.get('username') === text.slice(0, colon) && form.get('password') === text.slice(colon + 1)
      : client?.id === text.slice(0, colon) && client.secret === text.slice(colon + 1))
  }), { numRuns: 150 })
  t.ok(seen.length > 0, 'some could be asked')
})

t.test('what others repeat or bring is in no log', async t => {
  const at = await house(t, { auth_methods: ['password', 'client_credentials'] })
  at.authority.grants = ({ form }) => ({ status: 400, body: { error: 'invalid_grant', error_description: `wrong: ${form.get('password') ?? ''}` } })
  t.equal(await at.status('ann', 'tr0ub4dor & 3'), 401)
  at.authority.grants = ({ form }) => ({ status: 400, body: { error: `odd ${form.get('password') ?? ''}` } })
  t.equal(await at.status('bob', 'tr0ub4dor & 3'), 502)
  const spellings: ReadonlyArray<(password: string) => string> = [encodeURIComponent, password => String(new URLSearchParams({ password })), password => Buffer.from(password).toString('base64'), password => `${'x'.repeat(290)}${password}`, password => JSON.stringify(JSON.stringify(password))]
  for (const [index, spell] of spellings.entries()) {
    for (const [status, error] of [[400, 'invalid_scope'], [503, 'server_error']] as const) {
      at.authority.grants = ({ form }) => ({ status, body: { error, error_description: spell(form.get('password') ?? '') } })
      t.equal(await at.status(`ann ${index}`, 'tr0ub4dor "&" 3'), status === 400 ? 502 : 503)
    }
    at.authority.grants = ({ form }) => ({ status: 401, headers: { 'www-authenticate': `Basic realm="x", error="invalid_client", error_description="${spell(form.get('password') ?? '').replaceAll(/[\\"]/g, '')}"` }, body: {} })
    t.equal(await at.status(`bob ${index}`, 'tr0ub4dor "&" 3'), 502)
  }
  at.authority.grants = ({ form }) => ({ status: 400, body: { error: form.get('password') ?? '' } })
  t.equal(await at.status('eve', 'tr_ub_dor'), 502)
  t.match(at.log.findLast(line => line.code === 'FST_OIDC_PROVIDER_INVALID')?.msg, /the provider answered 400 \(/)
  t.notMatch(JSON.stringify(at.log), /tr0ub4dor|dHIwdWI0ZG9y|tr_ub_dor/)
  t.match(at.log.find(line => line.code === 'FST_OIDC_PROVIDER_INVALID' && String(line.msg).includes('invalid_scope'))?.msg, /the provider answered 400 "invalid_scope" \(check scope/, 'what it is called is')
})
