import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { exportJWK, jwtVerify, type JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, type TestProvider } from 'fastify-oidc-testing'
import { bearerApp, createAuthority, get, claimsFor } from './bearer-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

type Options = Partial<OidcPluginOptions>

interface Kind {
  readonly name: string
  readonly alg: string
  /** Written where it is not the default. */
  readonly written?: string
  readonly pem: string
  readonly publicKey: KeyObject
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const p521 = generateKeyPairSync('ec', { namedCurve: 'P-521' })
const ed = generateKeyPairSync('ed25519')
const text = (pem: string | Buffer): string => pem.toString()
const pkcs8 = (key: KeyObject): string => text(key.export({ type: 'pkcs8', format: 'pem' }))

const KINDS: readonly Kind[] = [
  { name: 'RSA in PKCS#1', alg: 'RS256', pem: text(rsa.privateKey.export({ type: 'pkcs1', format: 'pem' })), publicKey: rsa.publicKey },
  { name: 'RSA with PSS', alg: 'PS256', written: 'PS256', pem: pkcs8(rsa.privateKey), publicKey: rsa.publicKey },
  { name: 'EC in SEC1', alg: 'ES256', pem: text(p256.privateKey.export({ type: 'sec1', format: 'pem' })), publicKey: p256.publicKey },
  { name: 'Ed25519 on one line', alg: 'EdDSA', pem: pkcs8(ed.privateKey).replaceAll('\n', '\\n'), publicKey: ed.publicKey }
]

const ALGORITHMS = ['HS256', 'HS512', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const

/** A provider that knows the client by these metadata alone, with the forms of the token requests that it granted. */
async function providerFor (t: Test, metadata: object): Promise<TestProvider & { readonly forms: Array<Record<string, unknown>> }> {
  const provider = await testProvider(t, {
    clients: [{ client_id: 'app', redirect_uris: ['http://localhost/callback'], post_logout_redirect_uris: ['http://localhost/'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...metadata }],
    configuration: { enabledJWA: { clientAuthSigningAlgValues: [...ALGORITHMS], idTokenSigningAlgValues: ['RS256'] } }
  })
  const forms: Array<Record<string, unknown>> = []
  provider.provider.on('grant.success', ctx => { forms.push({ ...ctx.oidc.body, authorization: ctx.get('authorization') }) })
  return Object.assign(provider, { forms })
}

/** Logs in and out again, so that all of the token endpoint and the revocation endpoint have asked who we are. */
async function inAndOut (t: Test, provider: TestProvider, options: Options): Promise<void> {
  const { app, log } = await protectedApp(t, optionsFor(provider, { client_secret: undefined, revoke_tokens_on_logout: true, scope: 'openid offline_access', authorization_params: { prompt: 'consent' }, access_token_expires_leeway: 299, ...options } as Options))
  const { browser, response } = await login(app)
  t.equal(response.status, 200)
  await browser.navigate('http://localhost/logout', { from: 'http://localhost/', follow: false })
  t.ok(provider.count('POST /token/revocation') > 0, 'tokens were revoked')
  t.strictSame(log.filter(line => Number(line.level) >= 40 && line.oidc !== 'profile').map(({ msg }) => msg), [])
}

// rows: client_rsa_private_key, client_rsa_private_key_id, client_jwt_assertion_expires_in, client_jwt_assertion_alg, token_endpoint_auth_method
t.test('private_key_jwt: an assertion for the endpoint, signed by the key, and no secret anywhere (S033 S213 S225)', async t => {
  for (const { name, alg, written, pem, publicKey } of KINDS) {
    const provider = await providerFor(t, { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: alg, jwks: { keys: [{ ...await exportJWK(publicKey), kid: 'key-7', alg, use: 'sig' }] } })
    await inAndOut(t, provider, { token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pem, client_rsa_private_key_id: 'key-7', client_jwt_assertion_expires_in: 30, ...(written === undefined ? {} : { client_jwt_assertion_alg: written }) } as Options)
    const [form = {}] = provider.forms
    t.equal(form.grant_type, 'authorization_code', name)
    t.equal(form.client_secret, undefined)
    t.equal(form.authorization, '')
    t.equal(form.client_assertion_type, 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    const { payload, protectedHeader } = await jwtVerify(String(form.client_assertion), publicKey, { audience: `${provider.issuer}/token`, issuer: 'app', subject: 'app' })
    t.strictSame(protectedHeader, { alg, typ: 'JWT', kid: 'key-7' })
    t.equal(Number(payload.exp) - Number(payload.iat), 30)
  }
})

t.test('each assertion has an id of its own, also within one request (S225, S428)', async t => {
  const provider = await providerFor(t, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [await exportJWK(rsa.publicKey)] } })
  const options: Options = { token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pkcs8(rsa.privateKey) }
  await inAndOut(t, provider, options)
  await inAndOut(t, provider, options)
  t.equal(provider.count('POST /token/revocation'), 4, 'refresh and access token, twice; an id that comes again is refused')
})

// rows: client_jwt_assertion_alg, token_endpoint_auth_method
t.test('client_secret_jwt: signed with the secret, by HS256 or HS512 (S223 S224 S225)', async t => {
  const secret = 'a secret that is long enough for HS512: sixty-four bytes or more, so here is more'
  for (const [alg, written] of [['HS256', undefined], ['HS512', 'HS512']] as const) {
    const provider = await providerFor(t, { client_secret: secret, token_endpoint_auth_method: 'client_secret_jwt', token_endpoint_auth_signing_alg: alg })
    await inAndOut(t, provider, { client_secret: secret, token_endpoint_auth_method: 'client_secret_jwt', ...(written === undefined ? {} : { client_jwt_assertion_alg: written }) })
    const [form = {}] = provider.forms
    t.equal(form.client_secret, undefined)
    t.equal(form.authorization, '')
    const { payload, protectedHeader } = await jwtVerify<JWTPayload>(String(form.client_assertion), new TextEncoder().encode(secret), { audience: `${provider.issuer}/token` })
    t.strictSame(protectedHeader, { alg, typ: 'JWT' })
    t.match(payload, { iss: 'app', sub: 'app', jti: /^.{20,}$/ })
    t.equal(Number(payload.exp) - Number(payload.iat), 60)
  }
})

// rows: client_jwt_assertion_audience
t.test('client_jwt_assertion_audience is for providers that see another address', async t => {
  const jwks = { keys: [await exportJWK(rsa.publicKey)] }
  const provider = await providerFor(t, { token_endpoint_auth_method: 'private_key_jwt', jwks })
  const options: Options = { token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pkcs8(rsa.privateKey) }
  await inAndOut(t, provider, { ...options, client_jwt_assertion_audience: provider.issuer })
  const { payload } = await jwtVerify(String(provider.forms[0]?.client_assertion), rsa.publicKey)
  t.equal(payload.aud, provider.issuer)
  const { app, log } = await protectedApp(t, optionsFor(provider, { ...options, client_secret: undefined, client_jwt_assertion_audience: 'https://another.example/token' } as Options))
  const { response } = await login(app).catch((error: { page?: unknown }) => ({ response: error.page as { status: number } | undefined }))
  t.not(response?.status, 200, 'the provider does not take an assertion for another')
  t.match(log.find(line => line.code === 'FST_OIDC_CLIENT_REFUSED')?.msg, /client_id.*token_endpoint_auth_method/)
})

t.test('a key that the provider does not know gets nobody in', async t => {
  const provider = await providerFor(t, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [await exportJWK(rsa.publicKey)] } })
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { app, log } = await protectedApp(t, optionsFor(provider, { client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pkcs8(stranger.privateKey) } as Options))
  await login(app).catch(() => null)
  t.equal(provider.forms.length, 0)
  t.ok(log.some(line => line.code === 'FST_OIDC_CLIENT_REFUSED'))
  t.notMatch(JSON.stringify(log), /PRIVATE KEY|client_assertion=|eyJhbGciOiJSUzI1NiI/, 'neither key nor assertion is in the log')
})

t.test('a provider that lists private_key_jwt alone gets it where a key is there, whatever the default says (S211)', async t => {
  const provider = await providerFor(t, { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [await exportJWK(p256.publicKey)] } })
  const configuration = provider.provider.issuer
  const authority = await createAuthority(t)
  authority.metadata = { issuer: configuration, authorization_endpoint: `${configuration}/auth`, token_endpoint: `${configuration}/token`, jwks_uri: `${configuration}/jwks`, revocation_endpoint: `${configuration}/token/revocation`, end_session_endpoint: `${configuration}/session/end`, token_endpoint_auth_methods_supported: ['tls_client_auth', 'none', 'private_key_jwt'] }
  await inAndOut(t, provider, { discovery: authority.discovery, claim_validator: { issuer: { valid_issuers: [configuration] } }, client_secret: 'a secret that nobody asks for', client_rsa_private_key: pkcs8(p256.privateKey) } as Options)
  t.type(provider.forms[0]?.client_assertion, 'string')
})

// rows: introspection_endpoint_auth_method
t.test('introspection by private_key_jwt, with no secret and for its own endpoint (S036)', async t => {
  const authority = await createAuthority(t)
  authority.knows = () => ({ active: true, ...claimsFor(authority) })
  const options = { client_secret: undefined, introspection_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pkcs8(p521.privateKey), client_rsa_private_key_id: 'k', client_jwt_assertion_alg: 'ES512' } as Options
  for (const [more, audience] of [[{}, `${authority.issuer}/introspect`], [{ introspection_endpoint: `${authority.issuer}/introspect`, client_jwt_assertion_audience: 'urn:them' }, 'urn:them']] as Array<[Options, string]>) {
    const { app } = await bearerApp(t, authority, { ...options, ...more })
    const answer = await get(app, 'opaque')
    t.equal(answer.statusCode, 200, answer.body)
    const asked = authority.introspected.at(-1)
    t.strictSame([...asked?.form.keys() ?? []].sort(), ['client_assertion', 'client_assertion_type', 'client_id', 'token'])
    t.equal(asked?.headers.authorization, undefined)
    const { protectedHeader, payload } = await jwtVerify(asked?.form.get('client_assertion') ?? '', p521.publicKey, { audience, issuer: 'api', subject: 'api' })
    t.strictSame(protectedHeader, { alg: 'ES512', typ: 'JWT', kid: 'k' })
    t.equal(payload.nonce, undefined)
  }
})

const common = { client_id: 'app', discovery: 'https://op.example/.well-known/openid-configuration' }
const session = { secret: SECRET }
const key = { client_rsa_private_key: pkcs8(rsa.privateKey) }
const byKey = { token_endpoint_auth_method: 'private_key_jwt', ...key }
const secret = { client_secret: 'a secret of the client' }
const bearerByKey = { bearer_only: true, introspection_endpoint_auth_method: 'private_key_jwt', ...key }

function problemsOf (options: object): string[] {
  return checkOidcOptions({ ...common, ...options }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

// rows: client_secret, client_rsa_private_key
t.test('what the client needs to prove itself is there at boot, and nothing more is asked for', async t => {
  const accepted: Array<[string, object]> = [
    ['S033', { session, ...byKey }],
    ['S036', bearerByKey],
    ['S052', { session, ...secret, ...byKey, introspection_endpoint: 'https://op.example/introspect', introspection_endpoint_auth_method: 'client_secret_jwt' }],
    ['S058', { ...bearerByKey, token_endpoint_auth_method: 'client_secret_jwt', client_jwt_assertion_alg: 'RS512' }],
    ['S061 bearer_only by JWKS', { bearer_only: true, use_jwks: true, token_endpoint_auth_method: 'private_key_jwt', introspection_endpoint_auth_method: 'private_key_jwt' }],
    ['S061 no introspection', { session, ...byKey, introspection_endpoint_auth_method: 'client_secret_jwt', client_jwt_assertion_alg: 'PS256' }],
    ['S061 no token endpoint', { bearer_only: true, ...secret, introspection_endpoint_auth_method: 'client_secret_jwt', token_endpoint_auth_method: 'private_key_jwt', client_jwt_assertion_alg: 'HS512' }],
    ['any curve by its own algorithm', { session, ...byKey, client_rsa_private_key: pkcs8(p384.privateKey) }]
  ]
  for (const [name, options] of accepted) t.strictSame(problemsOf(options), [], name)
  const refused: Array<[string, object, RegExp]> = [
    ['S037', { bearer_only: true, ...byKey }, /^client_secret is required, unless introspection_endpoint_auth_method is none or private_key_jwt/],
    ['S038', { session, ...key, introspection_endpoint: 'https://op.example/introspect', introspection_endpoint_auth_method: 'private_key_jwt' }, /^client_secret is required, unless use_pkce/],
    ['S214', { session, ...secret, token_endpoint_auth_method: 'private_key_jwt' }, /^client_rsa_private_key is required: token_endpoint_auth_method is private_key_jwt$/],
    ['without a key at the introspection endpoint', { bearer_only: true, introspection_endpoint_auth_method: 'private_key_jwt' }, /^client_rsa_private_key is required: introspection_endpoint_auth_method is private_key_jwt$/],
    ['S226', { session, use_pkce: true, token_endpoint_auth_method: 'client_secret_jwt' }, /^client_secret is required: token_endpoint_auth_method is client_secret_jwt$/]
  ]
  for (const [name, options, expected] of refused) t.match(problemsOf(options), [expected], name)
})

// rows: client_jwt_assertion_alg
t.test('an assertion algorithm that fits neither method nor key stops the boot (S051 S060)', async t => {
  const table: Array<[string, object, RegExp]> = [
    ['S051', { session, ...byKey, client_jwt_assertion_alg: 'HS256' }, /^client_jwt_assertion_alg does not fit token_endpoint_auth_method, which is private_key_jwt$/],
    ['S051', { session, ...secret, token_endpoint_auth_method: 'client_secret_jwt', client_jwt_assertion_alg: 'RS256' }, /^client_jwt_assertion_alg does not fit token_endpoint_auth_method, which is client_secret_jwt$/],
    ['S051', { ...bearerByKey, client_jwt_assertion_alg: 'HS512' }, /does not fit introspection_endpoint_auth_method, which is private_key_jwt$/],
    ['S051', { bearer_only: true, ...secret, introspection_endpoint_auth_method: 'client_secret_jwt', client_jwt_assertion_alg: 'ES256' }, /does not fit introspection_endpoint_auth_method, which is client_secret_jwt$/],
    ['S051', { session, ...secret, ...byKey, introspection_endpoint: 'https://op.example/i', introspection_endpoint_auth_method: 'client_secret_jwt', client_jwt_assertion_alg: 'RS256' }, /does not fit introspection_endpoint_auth_method, which is client_secret_jwt$/],
    ['S060', { session, ...byKey, client_jwt_assertion_alg: 'ES256' }, /^client_jwt_assertion_alg does not fit client_rsa_private_key, which signs RS256/],
    ['S060', { session, ...byKey, client_rsa_private_key: pkcs8(p256.privateKey), client_jwt_assertion_alg: 'ES512' }, /does not fit client_rsa_private_key, which signs ES256$/],
    ['S060', { session, ...byKey, client_rsa_private_key: pkcs8(p256.privateKey), client_jwt_assertion_alg: 'RS256' }, /does not fit client_rsa_private_key, which signs ES256$/],
    ['S060', { session, ...byKey, client_jwt_assertion_alg: 'EdDSA' }, /does not fit client_rsa_private_key/],
    ['an unknown one', { session, ...byKey, client_jwt_assertion_alg: 'none' }, /^client_jwt_assertion_alg must be one of/]
  ]
  for (const [name, options, expected] of table) t.match(problemsOf(options), [expected], name)
})

// rows: client_rsa_private_key
t.test('a key that cannot sign stops the boot, and is not repeated', async t => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const locked = text(rsa.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'p' }))
  const table: Array<[string, RegExp]> = [
    ['not a key', /^client_rsa_private_key is not a private key in PEM/],
    [pkcs8(rsa.privateKey).slice(0, 400), /is not a private key in PEM/],
    [locked, /is not a private key in PEM without a passphrase$/],
    [text(rsa.publicKey.export({ type: 'spki', format: 'pem' })), /is a public key or certificate: the private key signs$/],
    [pkcs8(short.privateKey), /is a key that cannot be used: RSA of 2048 bits/],
    [pkcs8(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), /is a key that cannot be used/],
    [pkcs8(generateKeyPairSync('x25519').privateKey), /is a key that cannot be used/]
  ]
  for (const [pem, expected] of table) {
    const problems = problemsOf({ session, ...secret, client_rsa_private_key: pem })
    t.match(problems, [expected], pem.slice(0, 30))
    t.notMatch(problems.join(), /MII|BEGIN/)
  }
})
