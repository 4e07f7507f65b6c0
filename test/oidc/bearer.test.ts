import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import t from 'tap'
import oidc, { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, withIdentity } from 'fastify-oidc-testing'
import { bearerApp, claimsFor, createSigner, get, reasons, seconds, type Claims } from './bearer-parts.ts'
import { SECRET, createApplication, optionsFor, protectedApp, testProvider, type ProviderFacts } from './support.ts'

const signer = await createSigner()
const offline: ProviderFacts & { readonly issuer: string } = { issuer: 'https://issuer.example', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'api', clientSecret: 'secret' }
const byKey = { public_key: signer.pem, claim_validator: { issuer: { valid_issuers: [offline.issuer] } } } as const
const alice = async (claims: Claims = {}): Promise<string> => await signer.sign(claimsFor(offline, claims))
const CHALLENGE = 'Bearer realm="apisix", error="invalid_token", error_description="The access token is not valid"'

/** Sessions and bearer tokens on the same routes. */
async function mixedApp (t: { teardown (run: () => unknown): void }, more: Partial<OidcPluginOptions> = {}): ReturnType<typeof protectedApp> {
  const audience = { match_with_client_id: true }
  return await protectedApp(t, optionsFor(offline, { ...byKey, claim_validator: { ...byKey.claim_validator, audience }, ...more } as unknown as Partial<OidcPluginOptions>))
}

// rows: bearer_only, realm
t.test('S085, S086, S288, S290: where a token is expected and none is there', async t => {
  const { app } = await bearerApp(t, offline, byKey as object)
  const cases: ReadonlyArray<readonly [string | undefined, number, string | undefined]> = [
    [undefined, 401, 'Bearer realm="apisix"'],
    ['Basic abc', 401, 'Bearer realm="apisix"'],
    ['Foo bar baz', 401, 'Bearer realm="apisix"'],
    ['Bearers x', 401, 'Bearer realm="apisix"'],
    ['foo', 400, undefined],
    ['Bearer', 400, undefined],
    ['Bearer   ', 400, undefined],
    ['', 400, undefined],
    ['Bearer\tabc', 400, undefined]
  ]
  for (const [authorization, status, challenge] of cases) {
    const response = await app.inject({ url: '/echo/x', headers: authorization === undefined ? {} : { authorization } })
    t.equal(response.statusCode, status, String(authorization))
    t.equal(response.headers['www-authenticate'], challenge, String(authorization))
    t.equal(response.json().code, status === 400 ? 'FST_OIDC_AUTHORIZATION_MALFORMED' : 'FST_OIDC_UNAUTHENTICATED')
    t.equal(response.headers['cache-control'], 'no-store')
  }
})

t.test('S379: the scheme is written in any way, and blanks around the token are none of it', async t => {
  const { app } = await bearerApp(t, offline, byKey as object)
  const token = await alice()
  for (const authorization of [`Bearer ${token}`, `bEaReR ${token}`, `BEARER   ${token}`, `Bearer ${token}  `]) {
    const response = await app.inject({ url: '/echo/x', headers: { authorization } })
    t.equal(response.statusCode, 200)
    t.equal(response.json().identity['x-access-token'], token)
  }
})

t.test('S373, S374: no other header is a credential', async t => {
  const { app } = await bearerApp(t, offline, byKey as object)
  const token = await alice()
  for (const headers of [{ 'x-access-token': token }, { 'x-access-token': token, authorization: 'Basic abc' }, { 'x-forwarded-access-token': token }, { cookie: `PA.global=${token}` }, { 'proxy-authorization': `Bearer ${token}` }]) {
    const response = await app.inject({ url: `/echo/x?access_token=${token}`, headers })
    t.equal(response.statusCode, 401)
    t.equal(response.headers['www-authenticate'], 'Bearer realm="apisix"')
  }
})

t.test('a token of any size or shape costs little and never more than a 401', async t => {
  const { app } = await bearerApp(t, offline, byKey as object)
  const token = await alice()
  const huge = 'x'.repeat(1024 * 1024)
  const hostile = [huge, `${token}${huge}`, `${huge}.${huge}.${huge}`, '.'.repeat(16_000), 'é'.repeat(10), `${token}\u00e9`, '../../etc/passwd', '"\\"', '%00', '{}', `${'W10'.repeat(4000)}.a.b`, token.slice(0, -5), `${token},${token}`]
  const before = process.cpuUsage()
  for (const bad of hostile) {
    const response = await get(app, bad)
    t.equal(response.statusCode, 401, bad.slice(0, 40))
    t.equal(response.headers['www-authenticate'], CHALLENGE)
  }
  const { user, system } = process.cpuUsage(before)
  t.ok(user + system < 2_000_000, `all of them within two seconds of work, in microseconds: ${user + system}`)
  t.equal((await get(app, token)).statusCode, 200)
})

// rows: set_access_token_header, access_token_in_authorization_header, set_userinfo_header
t.test('S088, S089, S095, S117: what the upstream is told', async t => {
  const claims = { groups: ['admin'], empty: [], text: 'Żółć' }
  const token = await alice(claims)
  const told = async (options: object): Promise<{ headers: Record<string, string>, identity: Record<string, string> }> => {
    const { app } = await bearerApp(t, offline, { ...byKey, ...options } as object)
    return (await get(app, token, { 'x-access-token': 'forged', 'x-userinfo': 'forged', x_userinfo: 'forged', 'x-id-token': 'forged' })).json()
  }
  const usual = await told({})
  t.strictSame(Object.keys(usual.identity).sort(), ['x-access-token', 'x-userinfo'])
  t.equal(usual.identity['x-access-token'], token)
  t.match(JSON.parse(Buffer.from(usual.identity['x-userinfo'] ?? '', 'base64').toString()), { sub: 'alice', ...claims })
  t.equal(usual.headers.authorization, `Bearer ${token}`, 'as the client sent it')
  t.notOk(Object.values(usual.headers).includes('forged'))
  const inAuthorization = await told({ access_token_in_authorization_header: true, set_userinfo_header: false, set_id_token_header: false })
  t.strictSame(inAuthorization.identity, { authorization: `Bearer ${token}` })
  t.strictSame((await told({ set_access_token_header: false, set_userinfo_header: false, set_refresh_token_header: true, set_raw_id_token_header: true })).identity, {})
})

t.test('request.oidc says who brought the token, and cannot be changed', async t => {
  const exp = seconds() + 300
  const { app } = createApplication(t)
  await app.register(oidc, { client_id: 'api', discovery: offline.discovery, bearer_only: true, ...byKey } as unknown as OidcPluginOptions)
  app.get('/', async request => {
    const { oidc } = request
    t.throws(() => { (oidc.claims as Claims).sub = 'mallory' }, TypeError)
    t.throws(() => { (oidc.claims?.deep as { list: string[] }).list.push('x') }, TypeError)
    t.throws(() => { (oidc as unknown as Claims).groups = ['admin'] }, TypeError)
    t.throws(() => { (oidc.scopes as string[]).push('admin') }, TypeError)
    t.equal(JSON.stringify(oidc), '{}', 'nothing of it gets into a log by accident')
    t.notMatch(inspect(oidc, { depth: 9, showHidden: true }), 'eyJ')
    return { ...Object.fromEntries(['authenticated', 'via', 'scopes', 'groups', 'sessionId', 'expiresAt', 'accessToken', 'idToken'].map(name => [name, oidc[name as keyof typeof oidc] ?? null])), fresh: await oidc.freshAccessToken(), same: oidc.userinfo === oidc.claims, sub: oidc.claims?.sub }
  })
  const token = await alice({ exp, groups: ['staff', 7], deep: { list: [] } })
  for (let turn = 0; turn < 2; turn++) {
    const { body } = await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
    t.strictSame(JSON.parse(body), { authenticated: true, via: 'bearer', scopes: ['openid', 'read'], groups: ['staff', '7'], sessionId: null, expiresAt: exp, accessToken: token, idToken: null, fresh: token, same: true, sub: 'alice' })
  }
  const ending = await alice({ exp: seconds() - 10, deep: { list: [] } })
  const { body } = await app.inject({ url: '/', headers: { authorization: `Bearer ${ending}` } })
  t.equal(JSON.parse(body).fresh, null, 'within the slack it is let in, and is not fresh')
})

interface Denied { readonly name: string, readonly options: object, readonly claims: Claims, readonly error: string | null }

const AUDIENCE: readonly Denied[] = [
  { name: 'S098', options: { required_scopes: ['unsupported', 'openid', 'other'] }, claims: {}, error: 'required scopes unsupported, other not present' },
  { name: 'S099', options: { required_scopes: ['read'] }, claims: {}, error: null },
  { name: 'no scope at all', options: { required_scopes: ['read'] }, claims: { scope: undefined }, error: 'required scopes read not present' },
  { name: 'a scope by part of its name', options: { required_scopes: ['read'] }, claims: { scope: 'reader openid' }, error: 'required scopes read not present' },
  { name: 'scopes in a list', options: { required_scopes: ['a b'] }, claims: { scope: ['a b', 3] }, error: null },
  { name: 'scp', options: { required_scopes: ['write'] }, claims: { scope: undefined, scp: 'read write' }, error: null },
  { name: 'S103', options: { audience: { required: true } }, claims: {}, error: null },
  { name: 'S104', options: { audience: { required: true, claim: 'custom_claim' } }, claims: {}, error: 'required audience claim not present' },
  { name: 'S105', options: { audience: { required: true, claim: 'iss' } }, claims: {}, error: null },
  { name: 'S106, S114', options: { audience: { required: true, match_with_client_id: true } }, claims: {}, error: null },
  { name: 'S106, in a list', options: { audience: { match_with_client_id: true } }, claims: { aud: ['other', 'api'] }, error: null },
  { name: 'S107, S113', options: { audience: { match_with_client_id: true } }, claims: { aud: 'account' }, error: 'mismatched audience' },
  { name: 'a part of the name', options: { audience: { match_with_client_id: true } }, claims: { aud: 'api-2' }, error: 'mismatched audience' },
  { name: 'an object', options: { audience: { match_with_client_id: true } }, claims: { aud: { api: 'api' } }, error: 'mismatched audience' },
  { name: 'S112', options: { audience: { match_with_client_id: true } }, claims: { aud: undefined }, error: 'required audience claim not present' },
  { name: 'false', options: { audience: { required: true } }, claims: { aud: false }, error: 'required audience claim not present' },
  { name: 'a name that every object has', options: { audience: { required: true, claim: 'constructor' } }, claims: {}, error: 'required audience claim not present' },
  { name: 'scopes go first', options: { required_scopes: ['x'], audience: { match_with_client_id: true } }, claims: { aud: 'account' }, error: 'required scopes x not present' }
]

// rows: required_scopes, claim_validator, claim_validator.audience, claim_validator.audience.claim, claim_validator.audience.required, claim_validator.audience.match_with_client_id
t.test('scopes and audience that a token lacks are 403, in the words of the documents', async t => {
  for (const { name, options, claims, error } of AUDIENCE) {
    const { audience, ...others } = options as { audience?: object }
    const { app } = await bearerApp(t, offline, { ...byKey, claim_validator: { ...byKey.claim_validator, ...(audience === undefined ? {} : { audience }) }, ...others } as object)
    const response = await get(app, await alice(claims))
    t.equal(response.statusCode, error === null ? 200 : 403, name)
    if (error === null) continue
    t.equal(response.json().error, error, name)
    t.match(response.headers['www-authenticate'], /^Bearer realm="apisix", error="insufficient_scope"(?:, scope="[^"]+")?$/, name)
  }
})

t.test('a route has its own scopes for tokens too, and code may guard an open one', async t => {
  const { app } = await bearerApp(t, offline, { ...byKey, access_token_in_authorization_header: true } as object)
  app.get('/write', { config: { oidc: { required_scopes: ['write'] } } }, async () => 'written')
  const guard = app.oidc.guard({ required_scopes: ['read'] })
  app.get('/by-code', { config: { oidc: false }, onRequest: guard }, async request => request.oidc.identityHeaders)
  const token = await alice()
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await app.inject({ url: '/write', headers })).statusCode, 403)
  t.equal((await app.inject({ url: '/write', headers: { authorization: `Bearer ${await alice({ scope: 'write' })}` } })).body, 'written')
  t.equal((await app.inject({ url: '/by-code', headers })).json().authorization, `Bearer ${token}`)
  t.equal((await app.inject({ url: '/by-code' })).statusCode, 401)
  t.equal((await app.inject({ url: '/open', headers: { authorization: 'Bearer nonsense' } })).statusCode, 200, 'an open route looks at none')
})

t.test('the application has the last word about tokens, too', async t => {
  const { app } = createApplication(t)
  await app.register(oidc, { client_id: 'api', discovery: offline.discovery, bearer_only: true, ...byKey, hooks: { authorize: (request: { oidc: { claims: Claims | null } }) => request.oidc.claims?.sub === 'bob' } } as unknown as OidcPluginOptions)
  app.get('/', async () => 'in')
  const status = async (token: string): Promise<number> => (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).statusCode
  t.strictSame([await status(await alice()), await status(await alice({ sub: 'bob' }))], [403, 200])
})

// rows: bearer_only, logout_path
t.test('S377, S381: bearer_only has no login, no logout, no callback, and reads and sets no cookie', async t => {
  const application = await bearerApp(t, offline, { ...byKey, unauth_action: 'pass', session: { secret: SECRET } } as object)
  const { app, log } = application
  app.get('/by-code', { config: { oidc: false } }, async (request, reply) => await app.oidc.login(request, reply))
  const withSessions = await protectedApp(t, optionsFor(offline))
  const { headers } = await withIdentity(withSessions.app, { sub: 'alice' })
  const page = { accept: 'text/html' }
  for (const url of ['/', '/logout', '/callback?code=x&state=y', '/.apisix/redirect?code=x&state=y', '/?code=x&state=y']) {
    const response = await app.inject({ url, headers: { ...headers, ...page } })
    t.equal(response.statusCode, 401, url)
    t.equal(response.headers['set-cookie'], undefined)
    t.equal(response.headers.location, undefined)
  }
  t.notOk(app.hasRoute({ method: 'GET', url: '/logout' }))
  await t.resolves(app.oidcSessionStore.ready(), 'a store in which nobody is')
  t.equal(app.oidc.cookies.strip('session=1; oidc=2'), 'session=1; oidc=2', 'no cookie name is taken')
  t.ok(log.some(line => /^unauth_action: pass has no effect/.test(String(line.msg))))
  await t.rejects(app.oidc.issueCookie({}), { code: 'FST_OIDC_BEARER_ONLY' })
  await t.rejects(app.oidc.revoke({ sub: 'alice' }), { code: 'FST_OIDC_BEARER_ONLY' })
  t.equal((await app.inject('/by-code')).json().code, 'FST_OIDC_BEARER_ONLY')
})

t.test('S380: a token decides nothing at logout_path, and with bearer_only that path is like any other', async t => {
  const token = await alice()
  const { app } = await mixedApp(t)
  const { headers } = await withIdentity(app, { sub: 'bob' })
  const alone = await app.inject({ url: '/logout', headers: { authorization: `Bearer ${token}` } })
  t.equal(alone.statusCode, 200)
  t.equal(alone.headers['set-cookie'], undefined)
  t.equal((await app.inject({ url: '/', headers })).statusCode, 200, 'no session of anybody ended')
  const { app: api } = await bearerApp(t, offline, byKey as object)
  api.get('/logout', async request => ({ sub: request.oidc.claims?.sub }))
  t.equal((await api.inject({ url: '/logout', headers: { authorization: `Bearer ${token}` } })).json().sub, 'alice')
})

t.test('S413: the challenge is well-formed, whatever the realm is', async t => {
  for (const [realm, quoted] of [['my "api"', 'my \\"api\\"'], ['a\\b', 'a\\\\b'], ['x", error="none', 'x\\", error=\\"none']] as const) {
    const { app } = await bearerApp(t, offline, { ...byKey, realm, required_scopes: ['none"\\'] } as object)
    const challenges = [null, 'nonsense', await alice()].map(async token => (await get(app, token)).headers['www-authenticate'])
    t.strictSame(await Promise.all(challenges), [`Bearer realm="${quoted}"`, CHALLENGE.replace('apisix', () => quoted), `Bearer realm="${quoted}", error="insufficient_scope"`])
  }
})

t.test('S375, S376: a token that does not hold is final, whatever else the request has', async t => {
  const { app } = await mixedApp(t)
  const passing = await mixedApp(t, { unauth_action: 'pass' })
  const { headers } = await withIdentity(app, { sub: 'alice' })
  t.equal((await app.inject({ url: '/', headers })).statusCode, 200)
  for (const [authorization, status] of [['Bearer nonsense', 401], [`Bearer ${await alice({ exp: 1 })}`, 401], ['nonsense', 400]] as const) {
    const response = await app.inject({ url: '/', headers: { ...headers, authorization, accept: 'text/html' } })
    t.equal(response.statusCode, status, authorization.slice(0, 20))
    t.equal(response.headers['set-cookie'], undefined, 'the session is not touched')
    t.equal((await passing.app.inject({ url: '/', headers: { authorization } })).statusCode, status)
  }
  t.equal((await passing.app.inject('/')).json().sub, null, 'without one it may pass')
})

t.test('O165, S096: beside sessions a token goes first, and without one everything is as before', async t => {
  const { app } = await mixedApp(t)
  const { headers } = await withIdentity(app, { sub: 'bob' })
  const authorization = `Bearer ${await alice()}`
  t.equal((await app.inject({ url: '/', headers: { authorization } })).json().sub, 'alice')
  t.equal((await app.inject({ url: '/', headers: { ...headers, authorization } })).json().sub, 'alice')
  t.equal((await app.inject({ url: '/', headers })).json().sub, 'bob')
  t.equal((await app.inject({ url: '/', headers: { ...headers, authorization: 'Basic abc' } })).json().sub, 'bob')
  t.equal((await app.inject({ url: '/', headers: { 'x-requested-with': 'fetch' } })).statusCode, 401)
  const foreign = { method: 'POST', url: '/echo/x', headers: { authorization, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' } } as const
  t.equal((await app.inject(foreign)).statusCode, 200, 'no browser adds a token by itself')
  t.equal((await app.inject({ ...foreign, headers: { ...foreign.headers, ...headers, authorization: 'Basic abc' } })).statusCode, 403)
})

t.test('S378: without a way to verify one, a token is not looked at', async t => {
  const { app } = await protectedApp(t, optionsFor(offline, { unauth_action: 'deny' }))
  const { headers } = await withIdentity(app, { sub: 'bob' })
  t.equal((await app.inject({ url: '/', headers: { ...headers, authorization: `Bearer ${await alice()}` } })).json().sub, 'bob')
  t.equal((await app.inject({ url: '/', headers: { authorization: `Bearer ${await alice()}` } })).headers['www-authenticate'], 'Bearer realm="apisix"')
})

t.test('a request with a token is no answer of the provider, whatever its query says', async t => {
  const { app } = await mixedApp(t, { security_profile: 'apisix', redirect_uri: undefined } as object)
  t.equal((await app.inject({ url: '/echo/x?code=1&state=2', headers: { authorization: `Bearer ${await alice()}` } })).json().url, '/echo/x?code=1&state=2')
  t.equal((await app.inject({ url: '/echo/x/.apisix/redirect?code=1&state=2', headers: { authorization: `Bearer ${await alice()}` } })).statusCode, 200)
})

t.test('O226: no token is written into the log, good or bad', async t => {
  const application = await bearerApp(t, offline, byKey as object)
  const tokens = [await alice({ jti: 'for the log' }), await alice({ exp: 1 }), await alice({ sub: 'secret-subject', iss: 'https://x.example' }), 'opaque-secret-token']
  for (const token of tokens) await get(application.app, token)
  const text = JSON.stringify(application.log)
  for (const token of tokens) t.notMatch(text, token.split('.').at(-1))
  t.notMatch(text, 'secret-subject')
  t.equal(reasons(application).length, 4)
})

t.test('with the real provider: JWT access tokens verify, and its ID and refresh tokens do not', async t => {
  const provider = await testProvider(t, { resource: 'https://api.example' })
  const site = await protectedApp(t, optionsFor(provider, { scope: 'openid offline_access read', set_refresh_token_header: true, set_raw_id_token_header: true }))
  const { cookie } = await login(site.app)
  const identity = (await site.app.inject({ url: '/echo/x', headers: { cookie } })).json().identity as Record<string, string>
  const api = await bearerApp(t, provider, { client_id: 'https://api.example', timeout: 30, use_jwks: true, security_profile: 'oauth2.1', required_scopes: ['read'], claim_validator: { audience: { match_with_client_id: true } } } as object)
  const response = await get(api.app, identity['x-access-token'] ?? '')
  t.equal(response.statusCode, 200)
  t.equal(response.json().sub, 'alice')
  t.equal(provider.count('/jwks'), 1)
  for (const name of ['x-raw-id-token', 'x-refresh-token']) {
    t.type(identity[name], 'string')
    t.equal((await get(api.app, identity[name] ?? '')).statusCode, 401, name)
  }
})

t.test('with the real provider: 100 first requests with an opaque token ask once', async t => {
  const provider = await testProvider(t)
  const site = await protectedApp(t, optionsFor(provider, { scope: 'openid read', set_raw_id_token_header: true }))
  const { cookie } = await login(site.app)
  const identity = (await site.app.inject({ url: '/echo/x', headers: { cookie } })).json().identity as Record<string, string>
  const api = await bearerApp(t, provider, { client_id: provider.clientId, client_secret: provider.clientSecret, required_scopes: ['read'] })
  const token = identity['x-access-token'] ?? ''
  const statuses = await Promise.all(Array.from({ length: 100 }, async () => (await get(api.app, token)).statusCode))
  t.ok(statuses.every(status => status === 200))
  t.equal(provider.count('POST /token/introspection'), 1)
  t.equal((await get(api.app, identity['x-raw-id-token'] ?? '')).statusCode, 401)
  await provider.stop()
  t.equal((await get(api.app, token)).statusCode, 200, 'what is known holds through an outage')
  t.equal((await get(api.app, 'another')).statusCode, 503)
})

const SPKI = { type: 'spki', format: 'pem' } as const
const PEMS = {
  tooSmall: generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export(SPKI).toString(),
  odd: generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export(SPKI).toString(),
  private: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

t.test('S006, S030 to S032, S034, S035, S448: options that hold, and those that stop the boot', async t => {
  const base = { client_id: 'api', discovery: offline.discovery }
  const only = { ...base, bearer_only: true }
  const problems = (options: object): string[] => checkOidcOptions(options).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  for (const options of [{ ...only, public_key: signer.pem }, { ...only, use_jwks: true }, { ...only, client_secret: 's' }, { ...only, introspection_endpoint_auth_method: 'none' }, { ...base, use_pkce: true, session: { secret: SECRET } }, { ...only, use_jwks: true, token_signing_alg_values_expected: 'RS256 EdDSA' }]) t.strictSame(problems(options), [])
  t.equal(checkOidcOptions({ ...only, use_jwks: true }).options.session, undefined, 'no session is made up')
  const bad: ReadonlyArray<readonly [object, RegExp]> = [
    [only, /^client_secret is required, unless introspection_endpoint_auth_method is none/],
    [{ ...only, introspection_endpoint: 'https://a.example' }, /^client_secret is required/],
    [{ ...only, use_jwks: true, introspection_endpoint: 'https://a.example' }, /^client_secret is required/],
    [{ ...base, session: { secret: SECRET } }, /^client_secret is required, unless use_pkce/],
    [{ ...base, use_jwks: true, client_secret: 's' }, /^session.secret is required/],
    [{ ...only, public_key: 'nonsense' }, /^public_key is not a public key/],
    [{ ...only, public_key: PEMS.tooSmall }, /^public_key is a key that no token can be verified with: RSA of 2048/],
    [{ ...only, public_key: PEMS.odd }, /^public_key is a key that no token can be verified with/],
    [{ ...only, public_key: PEMS.private }, /^public_key is a private key/],
    [{ ...only, use_jwks: true, token_signing_alg_values_expected: 'HS256' }, /^token_signing_alg_values_expected must be one or more of RS256/],
    [{ ...only, use_jwks: true, token_signing_alg_values_expected: 'RS256 none' }, /^token_signing_alg_values_expected must be/],
    [{ ...only, use_jwks: true, token_signing_alg_values_expected: ' ' }, /^token_signing_alg_values_expected must be/],
    [{ ...only, public_key: signer.pem, token_signing_alg_values_expected: 'ES256' }, /^token_signing_alg_values_expected does not fit public_key, which verifies RS256/],
    [{ ...only, client_secret: 's', introspection_addon_headers: ['Authorization'] }, /^introspection_addon_headers.0 is a header of the introspection request itself/],
    [{ ...only, client_secret: 's', introspection_addon_headers: ['a', 'b c'] }, /^introspection_addon_headers.1 is not the name of a header/],
    [{ ...only, client_secret: 's', introspection_addon_headers: [] }, /^introspection_addon_headers needs at least 1/],
    [{ ...only, client_secret: 's', introspection_endpoint_auth_method: 'private_key_jwt' }, /^client_rsa_private_key is required: introspection_endpoint_auth_method is private_key_jwt/],
    [{ ...only, client_secret: 's', introspection_endpoint_auth_method: 'basic' }, /^introspection_endpoint_auth_method must be one of/],
    [{ ...only, use_jwks: true, claim_validator: { issuer: { valid_issuers: [] } } }, /^claim_validator.issuer.valid_issuers needs at least 1/],
    [{ ...only, use_jwks: true, claim_schema: { type: 'no-type' } }, /^claim_schema is not a JSON Schema: check claim_schema failed/],
    [{ ...only, use_jwks: true, security_profile: 'oauth2.1' }, /^audience or claim_validator.audience.match_with_client_id: true is required under security_profile oauth2.1/]
  ]
  for (const [options, expected] of bad) t.match(problems(options).join('\n'), expected)
  t.strictSame(problems({ ...only, use_jwks: true, security_profile: 'oauth2.1', claim_validator: { audience: { match_with_client_id: true } } }), [])
})

t.test('under the apisix profile the boot says that any audience will do', async t => {
  const { app, log } = await bearerApp(t, offline, byKey as object)
  await app.ready()
  t.strictSame(log.find(line => line.oidc === 'profile')?.weak, ['audience'])
})
