import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, exportJWK, type JWK } from 'jose'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'
import { complaints, lyingProvider } from './flow.ts'
import { cookieAfter, loginWithToken } from './session-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

type Options = Partial<OidcPluginOptions>

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const sec1 = p256.privateKey.export({ type: 'sec1', format: 'pem' }).toString()

interface Grant {
  readonly type: unknown
  readonly jkt: unknown
  readonly proof: string
}

interface BindingProvider extends TestProvider {
  readonly grants: Grant[]
  /** Proofs that pushed requests brought. */
  readonly pushed: string[]
}

const NONCES = { nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true }

/** A provider that gives this client bound tokens alone, and wants nonces. */
async function bindingProvider (t: Test, metadata: object = {}, dPoP: object = NONCES): Promise<BindingProvider> {
  const provider = await testProvider(t, {
    clients: [{ client_id: 'app', client_secret: 'a secret of the client', redirect_uris: ['http://localhost/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], dpop_bound_access_tokens: true, ...metadata }],
    configuration: { enabledJWA: { dPoPSigningAlgValues: ['ES256', 'RS256', 'PS256'], idTokenSigningAlgValues: ['RS256'] }, features: { dPoP: { enabled: true, ...dPoP } } }
  } as TestProviderOptions)
  const [grants, pushed]: [Grant[], string[]] = [[], []]
  provider.provider.on('grant.success', ctx => { grants.push({ type: ctx.oidc.body?.grant_type, jkt: ctx.oidc.entities.AccessToken?.jkt, proof: ctx.get('dpop') }) })
  provider.provider.on('pushed_authorization_request.success', ctx => { pushed.push(ctx.get('dpop')) })
  return Object.assign(provider, { grants, pushed })
}

const bound = (more: object = {}): Options => ({ dpop: { enabled: true, private_key: sec1, ...more } }) as Options

async function statusOfLogin (app: FastifyInstance): Promise<number> {
  return (await login(app)).response.status
}

const KINDS: ReadonlyArray<readonly [alg: string, key: string, publicKey: KeyObject]> = [
  ['ES256', sec1, p256.publicKey],
  ['RS256', rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(), rsa.publicKey],
  ['PS256', pkcs8(rsa.privateKey).replaceAll('\n', '\\n'), rsa.publicKey]
]

// rows: dpop, dpop.enabled, dpop.signing_alg, dpop.private_key
t.test('code, refresh token and userinfo prove possession of the key, with the nonces of the provider (S039)', async t => {
  for (const [alg, key, publicKey] of KINDS) {
    const provider = await bindingProvider(t)
    const publicJwk = await exportJWK(publicKey)
    const { app, log } = await protectedApp(t, optionsFor(provider, bound({ signing_alg: alg, private_key: key, public_jwk: { ...publicJwk, kid: 'a' } })))
    const answer = await app.inject({ url: '/echo/x', headers: { cookie: await loginWithToken(app) } })
    t.equal(answer.statusCode, 200, alg)
    t.type((answer.json().identity as Record<string, string>)['x-userinfo'], 'string', 'userinfo took the token')
    const jkt = await calculateJwkThumbprint(publicJwk)
    t.match(provider.grants, [{ type: 'authorization_code', jkt }, { type: 'refresh_token', jkt }])
    for (const { proof } of provider.grants) {
      t.match(decodeProtectedHeader(proof), { alg, typ: 'dpop+jwt', jwk: { kty: publicJwk.kty } })
      t.equal((decodeProtectedHeader(proof).jwk as JWK | undefined)?.d, undefined)
      t.match(decodeJwt(proof), { htm: 'POST', htu: `${provider.issuer}/token`, nonce: /.+/ })
    }
    t.equal(provider.count('POST /token'), 3, 'one nonce was asked for, and served for the rest')
    t.strictSame(complaints(log).map(({ msg }) => msg), [])
    t.notMatch(JSON.stringify(log), /PRIVATE KEY|"d":/)
  }
})

t.test('the code is bound too: by the name of the key in the URL, by a proof where the request is pushed', async t => {
  const provider = await bindingProvider(t)
  const jkt = await calculateJwkThumbprint(await exportJWK(p256.publicKey))
  const plain = await protectedApp(t, optionsFor(provider, bound()))
  t.equal(new URL(String((await plain.app.inject('/')).headers.location)).searchParams.get('dpop_jkt'), jkt)
  const { app } = await protectedApp(t, optionsFor(provider, { ...bound(), par: { enabled: true } } as Options))
  const location = new URL(String((await app.inject('/')).headers.location))
  t.strictSame([...location.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  t.match(decodeJwt(provider.pushed[0] ?? ''), { htm: 'POST', htu: `${provider.issuer}/request`, nonce: /.+/ })
  t.equal(provider.count('POST /request'), 2, 'asked again with the nonce')
  t.equal((await login(app)).response.status, 200)
})

t.test('another instance with the same key renews the tokens of a public client, one with another key does not', async t => {
  const provider = await bindingProvider(t, { client_secret: undefined, token_endpoint_auth_method: 'none' })
  const options = (more: object = {}) => optionsFor(provider, { ...bound(more), client_secret: undefined, token_endpoint_auth_method: 'none' } as Options)
  const [one, other] = [await protectedApp(t, options()), await protectedApp(t, options({ private_key: pkcs8(p256.privateKey) }))]
  const stranger = await protectedApp(t, options({ private_key: pkcs8(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey) }))
  const cookie = await loginWithToken(one.app)
  const refused = await stranger.app.inject({ url: '/', headers: { cookie } })
  t.equal(refused.statusCode, 302, 'a new login')
  const again = await loginWithToken(one.app)
  const answer = await other.app.inject({ url: '/', headers: { cookie: again } })
  t.equal(answer.statusCode, 200)
  t.not(cookieAfter(answer, again), again)
})

t.test('who asks for a nonce for ever is answered once', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { token_type: 'DPoP' }, dpopNonce: 'first' })
  const { app, log } = await protectedApp(t, optionsFor(provider, bound()))
  t.equal(await statusOfLogin(app), 502)
  t.strictSame(provider.proofs, [{ endpoint: 'token', nonce: undefined }, { endpoint: 'token', nonce: 'first' }])
  t.match(log.find(line => line.code === 'FST_OIDC_PROVIDER_INVALID')?.msg, /use_dpop_nonce.*nonce that it gave just now/)

  provider.lie({ tokenResponse: { token_type: 'DPoP' } })
  const cookie = await loginWithToken(app, -60)
  const before = provider.proofs.length
  t.strictSame(provider.proofs.slice(2), [{ endpoint: 'token', nonce: 'first' }, { endpoint: 'userinfo', nonce: 'first' }], 'the newest nonce serves on')
  provider.lie({ tokenResponse: { token_type: 'DPoP' }, dpopNonce: '"}\u00ff'.repeat(1000) })
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 502, 'the token is dead and no new one can be had')
  t.equal(provider.proofs.length - before, 2)
})

t.test('userinfo that never takes a proof is gone without', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { token_type: 'DPoP' } })
  const { app, log } = await protectedApp(t, optionsFor(provider, bound()))
  const gate = provider.hold('userinfo')
  const started = login(app, { path: '/echo/x' })
  await gate.reached
  provider.lie({ dpopNonce: 'n' })
  gate.open()
  const { response } = await started
  t.equal(response.status, 200)
  t.equal((JSON.parse(response.body) as { identity: Record<string, string> }).identity['x-userinfo'], undefined)
  t.equal(provider.count('userinfo'), 2)
  t.match(log.find(line => line.oidc === 'userinfo.failed')?.msg, /goes on without userinfo/)
})

// rows: dpop.enabled
t.test('a token that is not bound is not taken, at a login or at a renewal', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, bound()))
  t.equal(await statusOfLogin(app), 502)
  t.match(log.find(line => line.code === 'FST_OIDC_TOKEN_INVALID')?.msg, /not bound to our key.*dpop_bound_access_tokens/)
  t.equal(provider.count('userinfo'), 0, 'nor shown to anybody')
  provider.lie({ tokenResponse: { token_type: 'dpop' } })
  const cookie = await loginWithToken(app)
  provider.lie({})
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 302)
})

t.test('nor is one that is bound to a key that nobody named', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { token_type: 'DPoP' } })
  for (const options of [{}, bound({ enabled: false })]) {
    const { app, log } = await protectedApp(t, optionsFor(provider, options))
    t.equal(await statusOfLogin(app), 502)
    t.match(log.find(line => line.code === 'FST_OIDC_TOKEN_INVALID')?.msg, /bound to a key that is not ours/)
  }
  t.equal(provider.proofs.length, 0)
})

t.test('a proof that the provider does not take says what to look at', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, bound({ signing_alg: 'RS256', private_key: pkcs8(rsa.privateKey) })))
  t.equal(await statusOfLogin(app), 502)
  t.match(log.find(line => line.code === 'FST_OIDC_CLIENT_REFUSED')?.msg, /invalid_dpop_proof.*dpop\.signing_alg.*clocks/)
})

const common = { client_id: 'app', client_secret: 's', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }

function problemsOf (dpop: unknown, more: object = {}): string[] {
  return checkOidcOptions({ ...common, ...more, dpop }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

// rows: dpop.signing_alg, dpop.private_key, dpop.public_jwk
t.test('a key is there, whole and fit for its algorithm, or the boot stops', async t => {
  const ec = await exportJWK(p256.publicKey)
  const other = await exportJWK(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)
  const wide = generateKeyPairSync('ec', { namedCurve: 'P-384' })
  const n = await exportJWK(rsa.publicKey)
  const key = { enabled: true, private_key: sec1 }
  const rsaKey = { enabled: true, private_key: pkcs8(rsa.privateKey), signing_alg: 'PS256' }
  const accepted: Array<[string, unknown, object?]> = [
    ['S039', { ...key, public_jwk: ec }],
    ['S039 with all the rest', { ...key, public_jwk: ec }, { par: { enabled: true }, client_rsa_private_key: sec1, token_endpoint_auth_method: 'private_key_jwt', client_jwt_assertion_alg: 'ES256', client_jwt_assertion_audience: 'https://op.example' }],
    ['without a JWK', key],
    ['RSA', { ...rsaKey, public_jwk: { ...n, use: 'sig' } }],
    ['S057', { enabled: false, private_key: 'none', public_jwk: { kty: 'OKP' } }],
    ['S057 not said', { private_key: sec1, public_jwk: n }]
  ]
  for (const [name, dpop, more] of accepted) t.strictSame(problemsOf(dpop, more), [], name)
  const refused: Array<[string, unknown, RegExp]> = [
    ['S040', { ...key, signing_alg: 'HS256' }, /^dpop\.signing_alg must be one of "ES256", "RS256", "PS256"/],
    ['S042', { enabled: true }, /^dpop\.private_key is required: dpop\.enabled is true.*same key/],
    ['S043', { ...key, public_jwk: { ...ec, d: 'x' } }, /^dpop\.public_jwk\.d is of the private key/],
    ['S043 also where it is not used', { enabled: false, public_jwk: { kty: 'oct', k: 'x' } }, /^dpop\.public_jwk\.k is of the private key/],
    ['S049 RSA', { ...rsaKey, public_jwk: { kty: 'RSA', e: 'AQAB' } }, /^dpop\.public_jwk\.n is required/],
    ['S049 EC', { ...key, public_jwk: { kty: 'EC', crv: 'P-256', x: ec.x } }, /^dpop\.public_jwk\.y is required/],
    ['S049 OKP', { ...key, public_jwk: { kty: 'OKP', crv: 'Ed25519', x: 'x' } }, /^dpop\.public_jwk\.kty must be EC: dpop\.signing_alg is ES256$/],
    ['S050 RSA for ES256', { ...key, public_jwk: n }, /^dpop\.public_jwk\.kty must be EC/],
    ['S050 EC for RS256', { ...rsaKey, signing_alg: 'RS256', public_jwk: ec }, /^dpop\.public_jwk\.kty must be RSA: dpop\.signing_alg is RS256$/],
    ['S050 EC for PS256', { ...rsaKey, public_jwk: ec }, /^dpop\.public_jwk\.kty must be RSA: dpop\.signing_alg is PS256$/],
    ['S053 curve', { ...key, public_jwk: await exportJWK(wide.publicKey) }, /^dpop\.public_jwk\.crv must be P-256/],
    ['S053 number', { ...key, public_jwk: { ...ec, x: 7 } }, /^dpop\.public_jwk\.x is required, as text/],
    ['S053 empty', { ...key, public_jwk: { ...ec, y: '' } }, /^dpop\.public_jwk\.y is required, as text/],
    ['S056 unparsable', { ...key, private_key: sec1.slice(0, 80) }, /^dpop\.private_key is not a private key in PEM/],
    ['S056 RSA for ES256', { ...rsaKey, signing_alg: 'ES256' }, /^dpop\.private_key does not fit dpop\.signing_alg, which is ES256: it signs RS256/],
    ['S056 EC for RS256', { ...key, signing_alg: 'RS256' }, /^dpop\.private_key does not fit dpop\.signing_alg, which is RS256: it signs ES256$/],
    ['S059 public', { ...key, private_key: p256.publicKey.export({ type: 'spki', format: 'pem' }) }, /^dpop\.private_key is a public key/],
    ['S059 curve', { ...key, private_key: pkcs8(wide.privateKey), public_jwk: ec }, /^dpop\.private_key does not fit dpop\.signing_alg, which is ES256: it signs ES384$/],
    ['no object', true, /^dpop must be an object/],
    ['unknown', { ...key, alg: 'ES256' }, /^dpop\.alg is not a known option/]
  ]
  for (const [name, dpop, expected] of refused) t.match(problemsOf(dpop), [expected], name)
  t.strictSame(problemsOf({ ...key, public_jwk: other }), ['dpop.public_jwk.x is not that of dpop.private_key', 'dpop.public_jwk.y is not that of dpop.private_key'], 'S059 another key')
  t.notMatch(JSON.stringify(refused.map(([, dpop]) => problemsOf(dpop))), /MII|MHc|BEGIN/, 'and is not repeated')
  t.equal(problemsOf(undefined, { authorization_params: { dpop_jkt: 'x' } }).length, 1)
})
