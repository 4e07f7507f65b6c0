import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, exportJWK } from 'jose'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'
import { ca, clientCertificate, upstreamCertificate } from '../proxy/certificates.ts'
import { bearerApp, claimsFor, createAuthority, get } from './bearer-parts.ts'
import { complaints, lyingProvider } from './flow.ts'
import { loginWithToken } from './session-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'
import { listWeakSettings } from '../../packages/oidc/src/options/profile.ts'

type Options = Partial<OidcPluginOptions>

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const ed = generateKeyPairSync('ed25519')
const pkcs8 = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const keys = { client_rsa_private_key: pkcs8(rsa.privateKey), dpop: { private_key: pkcs8(p256.privateKey) } }

interface StrictProvider extends TestProvider {
  readonly grants: Array<{ readonly assertion: string, readonly jkt: unknown, readonly thumbprint: unknown }>
}

/** A provider that holds its clients to FAPI 2.0 itself. */
async function strictProvider (t: Test, metadata: object, more: TestProviderOptions = {}): Promise<StrictProvider> {
  const provider = await testProvider(t, {
    clients: [{ client_id: 'app', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256', id_token_signed_response_alg: 'PS256', jwks: { keys: [{ ...await exportJWK(rsa.publicKey), alg: 'PS256', use: 'sig' }] }, redirect_uris: ['http://localhost/callback'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...metadata }],
    configuration: { pkce: { required: () => true }, features: { fapi: { enabled: true, profile: '2.0' }, pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } } },
    ...more
  } as TestProviderOptions)
  const grants: StrictProvider['grants'] = []
  provider.provider.on('grant.success', ctx => {
    const token = ctx.oidc.entities.AccessToken
    grants.push({ assertion: String(ctx.oidc.body?.client_assertion), jkt: token?.jkt, thumbprint: token?.['x5t#S256'] })
  })
  return Object.assign(provider, { grants })
}

const strict = (provider: TestProvider, more: Options = {}): OidcPluginOptions => optionsFor(provider, { security_profile: 'fapi2', client_secret: undefined, ...more } as Options)

t.test('with two keys and nothing else written: pushed, bound, signed by PS256 for the issuer', async t => {
  const provider = await strictProvider(t, { dpop_bound_access_tokens: true })
  const { app, log } = await protectedApp(t, strict(provider, keys as Options))
  const answer = await app.inject({ url: '/echo/x', headers: { cookie: await loginWithToken(app) } })
  t.equal(answer.statusCode, 200)
  t.equal(provider.grants.length, 2, 'code and refresh token')
  for (const { assertion, jkt } of provider.grants) {
    t.match(decodeProtectedHeader(assertion), { alg: 'PS256' })
    t.equal(decodeJwt(assertion).aud, provider.issuer)
    t.type(jkt, 'string')
  }
  t.ok(provider.count('POST /request') > 0)
  t.strictSame(complaints(log).map(({ msg }) => msg), [])
})

t.test('with a certificate and nothing else written: pushed, bound to it, known by it', async t => {
  const provider = await strictProvider(t, { token_endpoint_auth_method: 'tls_client_auth', token_endpoint_auth_signing_alg: undefined, jwks: undefined, tls_client_auth_subject_dn: 'CN=client.test', tls_client_certificate_bound_access_tokens: true }, { mutualTls: { ...upstreamCertificate, ca } })
  const { app, log } = await protectedApp(t, strict(provider, { ssl_verify: false, tls_client_auth: { certificate: clientCertificate.cert, private_key: clientCertificate.key } }))
  t.equal((await login(app)).response.status, 200)
  t.match(provider.grants, [{ jkt: undefined, thumbprint: /.{43}/, assertion: 'undefined' }])
  t.strictSame(complaints(log).map(({ msg }) => msg), ['security_profile is fapi2, but ssl_verify is weaker than that, as it is written'])
})

t.test('an ID token by RS256 is refused, and so is an answer that does not say who gives it', async t => {
  const provider = await lyingProvider(t)
  const written = { security_profile: 'fapi2', token_endpoint_auth_method: 'client_secret_basic', par: { enabled: false }, dpop: { enabled: false } } as Options
  const { app, log } = await protectedApp(t, optionsFor(provider, written))
  t.equal((await login(app)).response.status, 502)
  t.match(log.find(line => line.code === 'FST_OIDC_TOKEN_INVALID')?.msg, /"alg".*under security_profile: fapi2 nothing but PS256, ES256 and EdDSA/)
  const before = provider.count('token')
  provider.lie({ discovery: { authorization_response_iss_parameter_supported: undefined }, callback: { kind: 'no_issuer' } })
  const other = await protectedApp(t, optionsFor(provider, { ...written, timeout: 4 }))
  t.ok((await login(other.app)).response.status >= 400)
  t.equal(provider.count('token') - before, 0, 'the code goes nowhere')
  const lenient = await protectedApp(t, optionsFor(provider, { timeout: 4 }))
  t.equal((await login(lenient.app)).response.status, 200, 'under oauth2.1 it need not say so')
})

t.test('a provider that lists no way but a secret is not given one', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { security_profile: 'fapi2', ...keys, par: { enabled: false } } as Options))
  t.equal((await login(app)).response.status, 502)
  t.equal(provider.count('token'), 1, 'asked with an assertion, which it does not know')
})

t.test('an introspection is asked with an assertion for the issuer, and the log says that bearer tokens prove nothing', async t => {
  const authority = await createAuthority(t)
  authority.knows = () => ({ active: true, ...claimsFor(authority) })
  const { app, log } = await bearerApp(t, authority, { security_profile: 'fapi2', client_secret: undefined, claim_validator: { audience: { match_with_client_id: true } }, introspection_endpoint: `${authority.issuer}/introspect`, client_rsa_private_key: pkcs8(ed.privateKey) } as Options)
  t.equal((await get(app, 'opaque')).statusCode, 200)
  const assertion = authority.introspected[0]?.form.get('client_assertion') ?? ''
  t.equal(decodeJwt(assertion).aud, authority.issuer)
  t.equal(decodeProtectedHeader(assertion).alg, 'EdDSA')
  t.match(complaints(log).map(({ msg }) => msg), [/^security_profile is fapi2, but introspection_endpoint is weaker than that/])
})

const common = { client_id: 'app', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET }, security_profile: 'fapi2' }

function read (options: object): { problems: string[], options: ReturnType<typeof checkOidcOptions>['options'] } {
  const { problems, options: resolved } = checkOidcOptions({ ...common, ...options })
  return { problems: problems.map(({ path, message }) => `${path.join('.')} ${message}`), options: resolved }
}

t.test('what the profile cannot do without is named at boot, and what is written wins', async t => {
  t.match(read({}).problems, [/^client_rsa_private_key is required: token_endpoint_auth_method is private_key_jwt, as security_profile fapi2 has it; with tls_client_auth,/, /^dpop\.private_key is required: dpop\.enabled is true, by security_profile fapi2; with tls_client_auth instead/])
  t.match(read({ ...keys, client_rsa_private_key: pkcs8(p384.privateKey) }).problems, [/^client_rsa_private_key signs ES384, and security_profile fapi2 has PS256, ES256 and EdDSA/])
  t.match(read({ ...keys, par: true, dpop: 'yes' }).problems, [/^par must be an object/, /^dpop must be an object/])
  const bare = read(keys)
  t.strictSame(bare.problems, [])
  t.match(bare.options, { use_pkce: true, use_nonce: true, accept_unsupported_alg: false, cross_site: 'refuse', par: { enabled: true }, dpop: { enabled: true, signing_alg: 'ES256' }, token_endpoint_auth_method: 'private_key_jwt', introspection_endpoint_auth_method: 'private_key_jwt' })
  const written = read({ client_secret: 's', use_pkce: false, cross_site: 'allow', par: { enabled: false, endpoint: 'https://op.example/par' }, dpop: { enabled: false }, token_endpoint_auth_method: 'client_secret_post' })
  t.strictSame(written.problems, [])
  t.match(written.options, { use_pkce: false, cross_site: 'allow', par: { enabled: false, endpoint: 'https://op.example/par' }, dpop: { enabled: false }, token_endpoint_auth_method: 'client_secret_post' })
  const api = read({ session: undefined, bearer_only: true, use_jwks: true, claim_validator: { audience: { match_with_client_id: true } } })
  t.strictSame(api.problems, [])
  t.strictSame([api.options.par, api.options.dpop, api.options.token_signing_alg_values_expected], [undefined, undefined, 'PS256 ES256 EdDSA Ed25519'])
})

t.test('the log names everything that is written weaker than the profile', async t => {
  const provider = await testProvider(t)
  const weak = { client_secret: 'the secret of this client', use_nonce: false, par: { enabled: false }, dpop: { enabled: true, signing_alg: 'RS256', private_key: pkcs8(rsa.privateKey) }, token_endpoint_auth_method: 'client_secret_basic', client_jwt_assertion_alg: 'RS256', use_jwks: true, token_signing_alg_values_expected: 'RS256', claim_validator: { audience: { match_with_client_id: true } } }
  const { app, log } = await protectedApp(t, optionsFor(provider, { security_profile: 'fapi2', ...weak } as Options))
  await app.ready()
  t.strictSame(log.filter(line => line.oidc === 'profile').map(line => line.weak), [['use_nonce', 'par.enabled', 'dpop.signing_alg', 'token_endpoint_auth_method', 'use_jwks', 'token_signing_alg_values_expected', 'client_jwt_assertion_alg']])
})

t.test('addresses that are reached in clear are named, but those of this machine', t => {
  const read = (more: object): readonly string[] => {
    const { options, problems } = checkOidcOptions({ client_id: 'app', security_profile: 'fapi2', session: { secret: SECRET }, ...keys, discovery: 'https://op.example/.well-known/openid-configuration', ...more })
    t.strictSame(problems, [])
    return listWeakSettings(options)
  }
  t.strictSame(read({}), [])
  t.strictSame(read({ discovery: 'http://op.example/.well-known/openid-configuration', jwks_uri: 'http://op.example/jwks', par: { endpoint: 'http://op.example/par' } }), ['discovery', 'jwks_uri', 'par.endpoint'])
  t.strictSame(read({ token_endpoint: 'http://127.evil.example/token' }), ['token_endpoint'])
  for (const host of ['localhost:3000', '127.0.0.1', '[::1]:8080', 'op.localhost']) t.strictSame(read({ discovery: `http://${host}/.well-known/openid-configuration` }), [], host)
  t.end()
})
