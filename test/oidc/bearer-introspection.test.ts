import t from 'tap'
import { decodeJwt } from 'jose'
import { bearerApp, claimsFor, createAuthority, createSigner, get, reasons, seconds, type Answer, type Authority, type Claims } from './bearer-parts.ts'

const signer = await createSigner()
const CHALLENGE = 'Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid"'

/** Knows tokens that begin with `good`. */
async function knowing (t: { teardown (run: () => unknown): void }, claims: (authority: Authority) => Claims = authority => claimsFor(authority)): Promise<Authority> {
  const authority = await createAuthority(t)
  authority.knows = token => token.startsWith('good') ? { active: true, token_type: 'Bearer', ...claims(authority) } : undefined
  return authority
}

// rows: bearer_only, introspection_endpoint
t.test('S328, S331, S352: bearer_only alone asks the endpoint that the provider names', async t => {
  const authority = await knowing(t)
  const application = await bearerApp(t, authority)
  const response = await get(application.app, 'good/opaque+1=')
  t.equal(response.statusCode, 200)
  t.equal(response.json().sub, 'alice')
  t.equal(authority.introspected[0]?.token, 'good/opaque+1=')
  t.strictSame(reasons(application), ['the bearer token was validated by introspection'])
  t.match(await get(application.app, null), { statusCode: 401, headers: { 'www-authenticate': 'Bearer realm="apisix"' } })
  t.equal(authority.introspected.length, 1, 'nothing to ask about')
})

// rows: introspection_endpoint_auth_method
t.test('S091, S097, S329, S330: the client says who it is once, in the way that is configured', async t => {
  const authority = await knowing(t)
  const ask = async (options: object): Promise<{ names: string[], form: URLSearchParams, authorization: string | undefined, cookie: string | undefined }> => {
    const { app } = await bearerApp(t, authority, { introspection_endpoint: `${authority.issuer}/introspect`, ...options })
    t.equal((await get(app, 'good', { cookie: 'a=b' })).statusCode, 200)
    const { form, headers } = authority.introspected.at(-1) ?? { form: new URLSearchParams(), headers: {} }
    return { names: [...form.keys()].sort(), form, authorization: headers.authorization, cookie: headers.cookie }
  }
  const basic = await ask({})
  t.strictSame(basic.names, ['token'])
  t.equal(basic.authorization, `Basic ${Buffer.from('api:secret+of+the+api').toString('base64')}`)
  t.equal(basic.cookie, undefined, 'cookies are not passed on')
  const post = await ask({ introspection_endpoint_auth_method: 'client_secret_post' })
  t.strictSame([post.names, post.form.get('client_secret'), post.authorization], [['client_id', 'client_secret', 'token'], 'secret of the api', undefined])
  const none = await ask({ introspection_endpoint_auth_method: 'none', client_secret: undefined })
  t.strictSame([none.names, none.authorization], [['client_id', 'token'], undefined])
  const jwt = await ask({ introspection_endpoint_auth_method: 'client_secret_jwt' })
  t.strictSame(jwt.names, ['client_assertion', 'client_assertion_type', 'client_id', 'token'])
  t.match(decodeJwt(jwt.form.get('client_assertion') ?? ''), { iss: 'api', sub: 'api', aud: `${authority.issuer}/introspect` })
})

// rows: introspection_endpoint
t.test('an endpoint of its own needs no discovery document', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }, { introspection_endpoint: `${authority.issuer}/introspect` })
  t.equal((await get(app, 'good')).statusCode, 200)
})

t.test('100 first requests at once with one token ask once, and so do those that follow', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, authority)
  await app.ready()
  let open = (): void => {}
  authority.gate = new Promise(resolve => { open = resolve })
  const requests = Array.from({ length: 100 }, async () => (await get(app, 'good')).statusCode)
  open()
  t.ok((await Promise.all(requests)).every(status => status === 200))
  t.equal(authority.counts['/introspect'], 1)
  t.equal((await get(app, 'good')).statusCode, 200)
  t.equal(authority.counts['/introspect'], 1)
  await get(app, 'good too')
  t.equal(authority.counts['/introspect'], 1, 'a blank in it: not even asked about')
  await get(app, 'good2')
  t.equal(authority.counts['/introspect'], 2)
})

t.test('S092, S101, S341: a token that is not active is refused, and not asked about at once again', async t => {
  const authority = await knowing(t)
  const application = await bearerApp(t, authority)
  for (let turn = 0; turn < 3; turn++) {
    const response = await get(application.app, 'bad')
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], CHALLENGE)
  }
  t.equal(authority.counts['/introspect'], 1)
  t.match(reasons(application), [/not active$/, /not active \(remembered\)$/, /remembered/])
  t.equal((await get(application.app, 'fake access token')).statusCode, 401)
  t.equal(authority.counts['/introspect'], 1)
})

t.test('what the answer says beside active', async t => {
  const cases: ReadonlyArray<readonly [string, Claims, number]> = [
    ['active as a text', { active: 'true' }, 401],
    ['active as a number', { active: 1 }, 401],
    ['expired', { exp: seconds() - 200 }, 401],
    ['expired within the slack', { exp: seconds() - 60 }, 200],
    ['not valid yet', { nbf: seconds() + 300 }, 401],
    ['a refresh token', { token_type: 'refresh_token' }, 401],
    ['a refresh token, as Hydra says it', { token_use: 'refresh_token' }, 401],
    ['bound to a key', { cnf: { 'x5t#S256': 'x' } }, 401],
    ['a DPoP token', { token_type: 'DPoP' }, 401],
    ['an ID token', { typ: 'ID' }, 401],
    ['S342: no expiry', { exp: undefined }, 200],
    ['S411: scopes in a list', { scope: ['read', 'write'] }, 200],
    ['another issuer, where none is listed', { iss: 'https://elsewhere.example' }, 200]
  ]
  for (const [name, claims, status] of cases) {
    const authority = await knowing(t, authority => claimsFor(authority, claims))
    const { app } = await bearerApp(t, authority, { required_scopes: ['read'] })
    t.equal((await get(app, 'good')).statusCode, status, name)
  }
})

// rows: required_scopes
t.test('S098, S099: scopes that the answer does not name are 403', async t => {
  const authority = await knowing(t, authority => claimsFor(authority, { scope: 'openid profile' }))
  for (const [required, status] of [['unsupported', 403], ['profile', 200]] as const) {
    const { app } = await bearerApp(t, authority, { required_scopes: [required] })
    const response = await get(app, 'good')
    t.equal(response.statusCode, status, required)
    if (status === 403) t.equal(response.json().error, 'required scopes unsupported not present')
  }
})

// rows: claim_validator.issuer.valid_issuers
t.test('listed issuers hold for introspected tokens as well', async t => {
  for (const [iss, status] of [['https://listed.example', 200], ['https://other.example', 401], [undefined, 401], [['https://listed.example'], 401]] as const) {
    const authority = await knowing(t, authority => claimsFor(authority, { iss }))
    const { app } = await bearerApp(t, authority, { claim_validator: { issuer: { valid_issuers: ['https://listed.example'] } } } as object)
    t.equal((await get(app, 'good')).statusCode, status, String(iss))
  }
})

const LONG = 'x'.repeat(100_000)

t.test('S102, S344, S346 to S349, S412: an endpoint that fails is an outage or a fault, never a token that does not hold', async t => {
  const failures: ReadonlyArray<readonly [Answer, number]> = [
    ['hang', 503], ['reset', 503],
    [{ status: 500, body: '{"error":"server_error"}' }, 503],
    [{ status: 429, body: '' }, 503],
    [{ status: 401, body: '{"error":"invalid_client"}' }, 502],
    [{ status: 400, body: '{"error":"invalid_client"}' }, 502],
    [{ status: 404, body: 'no such page' }, 502],
    [{ status: 302, body: '' }, 502],
    [{ status: 200, body: '<html>secret page</html>' }, 502],
    [{ status: 200, body: '[]' }, 502],
    [{ status: 200, body: 'null' }, 502],
    [{ status: 200, body: JSON.stringify({ active: true, exp: seconds() + 60, LONG }) }, 502],
    [{ status: 400, body: '{"error":"unsupported_token_type"}' }, 401]
  ]
  for (const [failure, status] of failures) {
    const name = JSON.stringify(failure).slice(0, 60)
    const authority = await knowing(t)
    authority.failures = { '/introspect': failure }
    const application = await bearerApp(t, authority, { timeout: 1 })
    const response = await get(application.app, 'good')
    t.equal(response.statusCode, status, name)
    t.equal(response.headers['retry-after'], status === 503 ? '5' : undefined, name)
    t.equal(response.headers['www-authenticate'], status === 401 ? CHALLENGE : undefined, name)
    t.notMatch(response.body, /secret page|invalid_client|unsupported/, name)
    authority.failures = {}
    if (status !== 401) t.equal((await get(application.app, 'good')).statusCode, 200, `${name}: good again at once`)
  }
})

t.test('S343: a host that does not resolve is an outage', async t => {
  const authority = await knowing(t)
  const application = await bearerApp(t, authority, { introspection_endpoint: 'http://no-such-host.invalid/introspect' })
  const response = await get(application.app, 'good')
  t.equal(response.statusCode, 503)
  t.equal(response.headers['www-authenticate'], undefined)
  t.match(reasons(application).at(-1), /no-such-host\.invalid.*does not resolve/)
})

t.test('S345: an endpoint that is slow is waited for', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, authority)
  await app.ready()
  await app.oidc.ready()
  let open = (): void => {}
  authority.gate = new Promise(resolve => { open = resolve })
  setTimeout(() => { open() }, 300)
  t.equal((await get(app, 'good')).statusCode, 200)
})

t.test('S351: no endpoint anywhere is a fault of the configuration, and the log says what to set', async t => {
  for (const endpoint of [undefined, 'ftp://a.example/x', 'nowhere']) {
    const authority = await knowing(t)
    authority.metadata = { introspection_endpoint: endpoint }
    const application = await bearerApp(t, authority)
    t.equal((await get(application.app, 'good')).statusCode, 502)
    t.match(reasons(application).at(-1), /introspection_endpoint: set it, or verify tokens with use_jwks/)
  }
})

t.test('what is remembered is bounded: the oldest gives way, and what has ended is forgotten', async t => {
  const { createVerificationCache } = await import('../../packages/oidc/src/bearer/verification-cache.ts')
  const cache = createVerificationCache<number>({ maxEntries: 3, maxBytes: 100 })
  for (let key = 0; key < 100; key++) cache.set(`key-${key}`, key, 10, 10)
  t.equal(cache.size, 3)
  t.strictSame([96, 97, 98, 99].map(key => cache.get(`key-${key}`, 9)), [undefined, 97, 98, 99])
  cache.set('key-97', 7, 20, 10)
  cache.set('new', 1, 20, 10)
  t.strictSame(['key-97', 'key-98', 'key-99', 'new'].map(key => cache.get(key, 9)), [7, undefined, 99, 1], 'what is set again is young again')
  t.equal(cache.get('key-99', 10), undefined, 'ended')
  t.strictSame([cache.size, cache.bytes], [2, 20])
  cache.set('large', 2, 20, 85)
  t.strictSame(['key-97', 'new', 'large'].map(key => cache.get(key, 9)), [undefined, 1, 2], 'bytes are bounded as well')
  cache.set('larger', 3, 20, 101)
  t.strictSame([cache.size, cache.bytes], [0, 0], 'and what is larger than all is not kept')
})

t.test('a flood of tokens that nobody knows waits for the provider only up to a bound', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, authority, { timeout: 60 })
  await app.ready()
  let open = (): void => {}
  authority.gate = new Promise(resolve => { open = resolve })
  const flood = Array.from({ length: 1200 }, async (_, index) => (await get(app, `flood-${index}`)).statusCode)
  const first = await Promise.race(flood)
  t.equal(first, 503, 'answered while the provider still keeps the others waiting')
  open()
  const statuses = await Promise.all(flood)
  t.equal(statuses.filter(status => status === 503).length, 200)
  t.equal(statuses.filter(status => status === 401).length, 1000)
  t.equal((await get(app, 'good')).statusCode, 200)
})

/** How often the provider is asked for three requests, one after another. */
async function asked (t: { teardown (run: () => unknown): void }, claims: Claims, options: object): Promise<number> {
  const authority = await knowing(t, authority => claimsFor(authority, claims))
  const { app } = await bearerApp(t, authority, options)
  for (let turn = 0; turn < 3; turn++) await get(app, 'good')
  return authority.counts['/introspect'] ?? 0
}

// rows: introspection_expiry_claim, introspection_interval
t.test('S407, S408: an answer is kept for as long as it says, and no longer', async t => {
  t.equal(await asked(t, {}, {}), 1)
  t.equal(await asked(t, { exp: undefined }, {}), 3)
  t.equal(await asked(t, { exp: undefined }, { introspection_interval: 60 }), 3)
  t.equal(await asked(t, { exp: seconds() - 5 }, {}), 3, 'good for the slack alone')
  t.equal(await asked(t, { ttl: 30 }, { introspection_expiry_claim: 'ttl' }), 1, 'a life')
  t.equal(await asked(t, { ttl: 0 }, { introspection_expiry_claim: 'ttl' }), 3)
  t.equal(await asked(t, { until: seconds() + 30 }, { introspection_expiry_claim: 'until' }), 1, 'an instant')
  t.equal(await asked(t, { until: seconds() - 30 }, { introspection_expiry_claim: 'until' }), 3)
  t.equal(await asked(t, { ttl: '30' }, { introspection_expiry_claim: 'ttl' }), 3, 'no number')
  t.equal(await asked(t, {}, { introspection_expiry_claim: 'constructor' }), 3, 'no claim')
})

// rows: introspection_interval, introspection_expiry_claim
t.test('S409: introspection_interval is the longest that an answer is kept', async t => {
  const { introspectedUntil } = await import('../../packages/oidc/src/bearer/verdict.ts')
  const until = (claims: Claims, interval: number, name = 'exp'): number | null => introspectedUntil(claims, { introspection_expiry_claim: name, introspection_interval: interval }, 2_000_000_000)
  t.equal(until({ exp: 2_000_003_600 }, 10), 2_000_000_010)
  t.equal(until({ exp: 2_000_000_005 }, 10), 2_000_000_005)
  t.equal(until({ exp: 2_000_003_600 }, 0), 2_000_003_600)
  t.equal(until({ ttl: 30 }, 10, 'ttl'), 2_000_000_010)
  t.equal(until({ exp: 30 }, 0), 30, 'exp is an instant, however small')
  t.equal(until({ exp: 2_000_000_020, ttl: 3600 }, 0, 'ttl'), 2_000_000_020, 'no claim keeps a token beyond its end')
  t.equal(until({ exp: Infinity }, 10), null)
})

t.test('an answer that was kept is asked for again when its time is over', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, authority, { introspection_interval: 1 })
  await get(app, 'good')
  authority.knows = () => undefined
  t.equal((await get(app, 'good')).statusCode, 200, 'known')
  await new Promise(resolve => setTimeout(resolve, 2000))
  t.equal((await get(app, 'good')).statusCode, 401, 'revoked meanwhile')
})

// rows: cache_segment
t.test('S410: registrations with the same settings share what they know, with another cache_segment they do not', async t => {
  const authority = await knowing(t)
  for (const [options, calls] of [[{}, 1], [{}, 1], [{ cache_segment: 'a' }, 2], [{ cache_segment: 'a' }, 2], [{ cache_segment: 'b' }, 3], [{ client_id: 'other' }, 4], [{ introspection_endpoint_auth_method: 'client_secret_post' }, 5], [{ claim_validator: { audience: { required: true } } }, 6]] as const) {
    const { app } = await bearerApp(t, authority, options as object)
    t.equal((await get(app, 'good')).statusCode, 200)
    t.equal(authority.counts['/introspect'], calls, JSON.stringify(options))
  }
})

// rows: introspection_addon_headers
t.test('S100, S101, S102: named headers of the request are passed on, and belong to what the answer is kept under', async t => {
  const authority = await knowing(t)
  const { app } = await bearerApp(t, authority, { introspection_addon_headers: ['X-Tenant', 'b'] })
  t.equal((await get(app, 'good', { 'x-tenant': 'one', b: 'two', c: 'three' })).statusCode, 200)
  const headers = authority.introspected[0]?.headers ?? {}
  t.strictSame([headers['x-tenant'], headers.b, headers.c], ['one', 'two', undefined])
  await get(app, 'good', { 'x-tenant': 'one', b: 'two', c: 'four' })
  t.equal(authority.counts['/introspect'], 1)
  await get(app, 'good', { 'x-tenant': 'another', b: 'two' })
  await get(app, 'good')
  t.equal(authority.counts['/introspect'], 3)
  t.equal(authority.introspected.at(-1)?.headers.b, undefined, 'what is not sent is not added')
  t.equal((await get(app, 'bad', { 'x-tenant': 'one', b: 'two' })).statusCode, 401)
  t.match(authority.introspected.at(-1), { token: 'bad', headers: { 'x-tenant': 'one', b: 'two' } }, 'also with a token that is refused')
})

// rows: introspection_endpoint, use_jwks
t.test('JWTs and opaque tokens on one route, each by its own way', async t => {
  const authority = await knowing(t)
  authority.keys = [signer.jwk]
  const application = await bearerApp(t, authority, { use_jwks: true, introspection_endpoint: `${authority.issuer}/introspect` })
  const { app } = application
  t.equal((await get(app, 'good')).statusCode, 200)
  t.equal((await get(app, await signer.sign(claimsFor(authority)))).statusCode, 200)
  t.equal((await get(app, 'good.with.dots')).statusCode, 200, 'three parts alone make no JWT')
  t.equal(authority.counts['/introspect'], 2)
  t.strictSame(reasons(application).map(reason => reason.split(' ').at(-1)), ['introspection', 'jwks', 'introspection'])
  const forged = await (await createSigner('RS256', signer.kid)).sign(claimsFor(authority))
  authority.knows = () => ({ active: true, ...claimsFor(authority) })
  t.equal((await get(app, forged)).statusCode, 401, 'a JWT that does not verify is not asked about')
  t.equal(authority.counts['/introspect'], 2)
  const jwtsOnly = await bearerApp(t, authority, { use_jwks: true })
  t.equal((await get(jwtsOnly.app, 'good')).statusCode, 401, 'nobody to ask')
})

// rows: jwt_verification_cache_ignore
t.test('jwt_verification_cache_ignore verifies a JWT at every request', async t => {
  const authority = await createAuthority(t)
  authority.keys = [signer.jwk]
  const token = await signer.sign(claimsFor(authority))
  const verifications = async (options: object): Promise<number> => {
    const application = await bearerApp(t, authority, { use_jwks: true, ...options })
    for (let turn = 0; turn < 3; turn++) t.equal((await get(application.app, token)).statusCode, 200)
    return reasons(application).length
  }
  t.equal(await verifications({}), 1)
  t.equal(await verifications({ jwt_verification_cache_ignore: true }), 3)
})
