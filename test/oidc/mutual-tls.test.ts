import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { exportJWK } from 'jose'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'
import { ca, clientCertificate, upstreamCertificate } from '../proxy/certificates.ts'
import { ProviderFault } from '../../packages/oidc/src/provider/fault.ts'
import { bearerApp, claimsFor, createAuthority, createSigner, get } from './bearer-parts.ts'
import { complaints } from './flow.ts'
import { loginWithToken, movableClock } from './session-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

type Options = Partial<OidcPluginOptions>

const { cert, key } = clientCertificate
const thumbprint = createHash('sha256').update(new X509Certificate(cert).raw).digest('base64url')
const shown = { certificate: cert, private_key: key }
/** What `ssl_verify` would say of this provider's certificate is another matter. */
const byCertificate = { client_secret: undefined, token_endpoint_auth_method: 'tls_client_auth', tls_client_auth: shown, ssl_verify: false } as Options

interface Call {
  readonly isTls: boolean
  readonly form: Record<string, unknown>
  readonly authorization: string
  readonly boundTo: unknown
}

/** A provider that knows its clients by certificates; with the grants and pushed requests that it took. */
async function certificateProvider (t: Test, metadata: object = {}, more: TestProviderOptions = {}): Promise<TestProvider & { readonly calls: Call[] }> {
  const provider = await testProvider(t, {
    mutualTls: { ...upstreamCertificate, ca },
    clients: [{ client_id: 'app', token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: 'CN=client.test', tls_client_certificate_bound_access_tokens: true, redirect_uris: ['http://localhost/callback'], post_logout_redirect_uris: ['http://localhost/'], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...metadata }],
    ...more
  } as TestProviderOptions)
  const calls: Call[] = []
  provider.provider.on('grant.success', ctx => { calls.push({ isTls: ctx.secure, form: { ...ctx.oidc.body }, authorization: ctx.get('authorization'), boundTo: ctx.oidc.entities.AccessToken?.['x5t#S256'] }) })
  provider.provider.on('pushed_authorization_request.success', ctx => { calls.push({ isTls: ctx.secure, form: { ...ctx.oidc.body }, authorization: ctx.get('authorization'), boundTo: null }) })
  return Object.assign(provider, { calls })
}

async function statusOfLogin (app: Awaited<ReturnType<typeof protectedApp>>['app']): Promise<number> {
  return (await login(app)).response.status
}

t.test('the certificate says who we are wherever the provider asks, and tokens are bound to it', async t => {
  const provider = await certificateProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { ...byCertificate, par: { enabled: true }, revoke_tokens_on_logout: true } as Options))
  const renewed = await app.inject({ url: '/echo/x', headers: { cookie: await loginWithToken(app) } })
  t.equal(renewed.statusCode, 200)
  t.type((renewed.json().identity as Record<string, string>)['x-userinfo'], 'string', 'userinfo took the bound token')
  const { browser } = await login(app)
  await browser.navigate('http://localhost/logout', { from: 'http://localhost/', follow: false })
  t.ok(provider.count('POST /token/revocation') > 0)
  t.strictSame(provider.calls.flatMap(({ form }) => form.grant_type ?? []), ['authorization_code', 'refresh_token', 'authorization_code'])
  t.ok(provider.calls.some(({ boundTo }) => boundTo === null), 'and something was pushed')
  for (const { isTls, form, authorization, boundTo } of provider.calls) {
    t.ok(isTls, 'at the alias')
    t.equal(form.client_id, 'app')
    t.equal(form.client_secret, undefined)
    t.equal(form.client_assertion, undefined)
    t.equal(authorization, '')
    if (form.grant_type !== undefined) t.equal(boundTo, thumbprint)
  }
  t.strictSame(complaints(log).map(({ msg }) => msg), [])
  t.notMatch(JSON.stringify(log), /PRIVATE KEY|BEGIN CERT/)
})

t.test('self_signed_tls_client_auth: the provider knows the certificate itself; the key may be locked and on one line', async t => {
  const jwk = { ...await exportJWK(createPublicKey(cert)), x5c: [new X509Certificate(cert).raw.toString('base64')] }
  const provider = await certificateProvider(t, { token_endpoint_auth_method: 'self_signed_tls_client_auth', tls_client_auth_subject_dn: undefined, jwks: { keys: [jwk] } })
  const locked = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' }).toString()
  const oneLine = (pem: string): string => pem.replaceAll('\n', '\\n')
  const { app } = await protectedApp(t, optionsFor(provider, { ...byCertificate, token_endpoint_auth_method: 'self_signed_tls_client_auth', tls_client_auth: { certificate: oneLine(cert), private_key: oneLine(locked), passphrase: 'open' } }))
  t.equal(await statusOfLogin(app), 200)
})

t.test('another certificate gets nobody in', async t => {
  const provider = await certificateProvider(t)
  const { cert: certificate, key: privateKey } = upstreamCertificate
  const { app, log } = await protectedApp(t, optionsFor(provider, { ...byCertificate, tls_client_auth: { certificate, private_key: privateKey } }))
  t.equal(await statusOfLogin(app), 502)
  t.strictSame(provider.calls, [])
  t.ok(log.some(line => line.code === 'FST_OIDC_CLIENT_REFUSED'))
})

t.test('an endpoint that is written goes before its alias, and without a certificate there are no aliases', async t => {
  const provider = await certificateProvider(t)
  const written = await protectedApp(t, optionsFor(provider, { ...byCertificate, token_endpoint: `${provider.issuer}/token` }))
  t.equal(await statusOfLogin(written.app), 502, 'nothing is shown there')
  const plain = await certificateProvider(t, { client_secret: 'a secret of the client', token_endpoint_auth_method: 'client_secret_basic', tls_client_auth_subject_dn: undefined, tls_client_certificate_bound_access_tokens: false })
  t.equal(await statusOfLogin((await protectedApp(t, optionsFor(plain))).app), 200)
  t.strictSame(plain.calls.map(({ isTls }) => isTls), [false])
})

t.test('private_key_jwt with tokens bound to the certificate: the assertion is for the endpoint that is called', async t => {
  const provider = await certificateProvider(t, { token_endpoint_auth_method: 'private_key_jwt', tls_client_auth_subject_dn: undefined, jwks: { keys: [await exportJWK(createPublicKey(cert))] } })
  const { app } = await protectedApp(t, optionsFor(provider, { ...byCertificate, token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: key } as Options))
  t.equal(await statusOfLogin(app), 200)
  t.match(provider.calls, [{ isTls: true, boundTo: thumbprint }])
})

t.test('a provider that lists tls_client_auth alone gets it where a certificate is there', async t => {
  const provider = await certificateProvider(t, {}, { configuration: { clientAuthMethods: ['tls_client_auth'] } })
  const { app } = await protectedApp(t, optionsFor(provider, { client_secret: 'a secret that nobody asks for', ssl_verify: false, tls_client_auth: shown }))
  t.equal(await statusOfLogin(app), 200)
})

t.test('introspection by certificate', async t => {
  const other = { client_id: 'other', client_secret: 'x', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }
  const own = { client_id: 'api', token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'gateway.test', redirect_uris: [], response_types: [], grant_types: [] }
  const provider = await certificateProvider(t, {}, { clients: [own, other] as NonNullable<TestProviderOptions['clients']> })
  const client = await provider.provider.Client.find('other')
  if (client === undefined) throw new Error('no such client')
  const token = await new provider.provider.ClientCredentials({ client, scope: 'read' } as ConstructorParameters<typeof provider.provider.ClientCredentials>[0]).save()
  const options = { client_secret: undefined, introspection_endpoint_auth_method: 'tls_client_auth', ssl_verify: false, tls_client_auth: shown } as Options
  const good = await bearerApp(t, provider, options)
  t.equal((await get(good.app, token)).statusCode, 200)
  const { cert: certificate, key: privateKey } = upstreamCertificate
  const bad = await bearerApp(t, provider, { ...options, tls_client_auth: { certificate, private_key: privateKey } })
  t.equal((await get(bad.app, token)).statusCode, 502, 'what was verified for one certificate is not for another')
})

t.test('each instance shows its own certificate or none, beside ssl_verify', async t => {
  const seen: string[] = []
  const signer = await createSigner()
  const server = createTlsServer({ ...upstreamCertificate, ca, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    seen.push((request.socket as TLSSocket).getPeerX509Certificate()?.subject ?? '')
    const body = request.url === '/jwks' ? { keys: [signer.jwk] } : { issuer, authorization_endpoint: `${issuer}/a`, token_endpoint: `${issuer}/t`, jwks_uri: `${issuer}/jwks` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const authority = { issuer, discovery: `${issuer}/.well-known/openid-configuration` }
  const options = { use_jwks: true, ssl_verify: false } as Options
  const token = await signer.sign(claimsFor(authority))
  const bare = await bearerApp(t, authority, options)
  const known = await bearerApp(t, authority, { ...options, tls_client_auth: shown })
  t.equal((await get(known.app, token)).statusCode, 200)
  t.equal((await get(bare.app, token)).statusCode, 503)
  t.strictSame(new Set(seen), new Set(['CN=client.test']))
  const strict = await bearerApp(t, authority, { use_jwks: true, tls_client_auth: shown } as Options)
  t.equal((await get(strict.app, token)).statusCode, 503, 'ssl_verify holds beside it')
  t.match(strict.log.map(({ msg }) => msg).join('\n'), /provider's certificate was not accepted/)
})

t.test('the log tells a certificate of ours that was refused from one of the provider', async t => {
  const refusal = (code: string): string | null => new ProviderFault(new TypeError('fetch failed', { cause: Object.assign(new Error('alert'), { code }) })).remedy
  for (const code of ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', 'ERR_SSL_TLSV1_ALERT_ACCESS_DENIED']) {
    t.match(refusal(code), /did not accept our certificate: check tls_client_auth/, code)
  }
  t.match(refusal('SELF_SIGNED_CERT_IN_CHAIN'), /provider's certificate was not accepted/)
})

t.test('aliases that are no addresses, or not https where the document is, are refused', async t => {
  const authority = await createAuthority(t)
  for (const alias of ['javascript:alert(1)', 'not a URL', 7, null]) {
    authority.metadata = { mtls_endpoint_aliases: { token_endpoint: alias } }
    const { app, log } = await protectedApp(t, optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: 's' }, { tls_client_auth: shown }))
    t.equal((await app.inject('/')).statusCode, 502, String(alias))
    t.match(log.map(({ msg }) => msg).join('\n'), /no usable token_endpoint/)
    await app.close()
  }
  for (const aliases of [null, 'x', 7, [], { authorization_endpoint: 'http://elsewhere.example/' }]) {
    authority.metadata = { mtls_endpoint_aliases: aliases }
    const { app } = await protectedApp(t, optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: 's' }, { tls_client_auth: shown }))
    t.ok(String((await app.inject('/')).headers.location).startsWith(`${authority.issuer}/authorize?`), JSON.stringify(aliases))
    await app.close()
  }
})

t.test('a certificate that is not valid now is told at boot', async t => {
  const authority = await createAuthority(t)
  const clock = movableClock(t)
  const boot = async (): Promise<string> => {
    const { app, log } = await bearerApp(t, authority, { use_jwks: true, tls_client_auth: shown } as Options)
    await app.ready()
    return complaints(log).filter(line => line.oidc === 'certificate').map(({ msg }) => String(msg)).join('\n')
  }
  t.equal(await boot(), '')
  const years = 365 * 86400
  clock.advance(200 * years)
  t.match(await boot(), /^tls_client_auth\.certificate has expired \(.*2126.*put a new one there$/)
  clock.advance(-210 * years)
  t.match(await boot(), /^tls_client_auth\.certificate is not valid before .*2026/)
})

const common = { client_id: 'app', discovery: 'https://op.example/.well-known/openid-configuration' }
const session = { secret: SECRET }

function problemsOf (options: object): string[] {
  return checkOidcOptions({ ...common, ...options }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
}

t.test('certificate and key fit each other, and are there where they are needed, or the boot stops', async t => {
  const locked = createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open' }).toString()
  const method = { session, token_endpoint_auth_method: 'tls_client_auth' }
  const accepted: Array<[string, object]> = [
    ['by certificate', { ...method, tls_client_auth: shown }],
    ['a chain', { ...method, tls_client_auth: { ...shown, certificate: `${cert}\n${ca}` } }],
    ['locked', { ...method, tls_client_auth: { ...shown, private_key: locked, passphrase: 'open' } }],
    ['for introspection', { bearer_only: true, introspection_endpoint_auth_method: 'self_signed_tls_client_auth', tls_client_auth: shown }],
    ['for tokens alone', { session, client_secret: 's', tls_client_auth: shown }],
    ['never asked', { bearer_only: true, use_jwks: true, token_endpoint_auth_method: 'tls_client_auth' }]
  ]
  for (const [name, options] of accepted) t.strictSame(problemsOf(options), [], name)
  const refused: Array<[string, object, RegExp]> = [
    ['missing', method, /^tls_client_auth is required: token_endpoint_auth_method is tls_client_auth$/],
    ['missing for introspection', { bearer_only: true, introspection_endpoint_auth_method: 'self_signed_tls_client_auth' }, /^tls_client_auth is required: introspection_endpoint_auth_method is self_signed_tls_client_auth$/],
    ['half', { ...method, tls_client_auth: { certificate: cert } }, /^tls_client_auth\.private_key is required/],
    ['another key', { ...method, tls_client_auth: { ...shown, private_key: upstreamCertificate.key } }, /^tls_client_auth\.private_key does not belong to tls_client_auth\.certificate$/],
    ['the chain upside down', { ...method, tls_client_auth: { ...shown, certificate: `${ca}\n${cert}` } }, /^tls_client_auth\.private_key does not belong/],
    ['no certificate', { ...method, tls_client_auth: { ...shown, certificate: 'x' } }, /^tls_client_auth\.certificate is not a certificate in PEM$/],
    ['a broken chain', { ...method, tls_client_auth: { ...shown, certificate: `${cert}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----` } }, /^tls_client_auth\.certificate is not taken for TLS here \(ERR_/],
    ['the key in the certificate', { ...method, tls_client_auth: { ...shown, certificate: `${cert}\n${key}` } }, /^tls_client_auth\.certificate has a private key in it/],
    ['no key', { ...method, tls_client_auth: { ...shown, private_key: 'x' } }, /^tls_client_auth\.private_key is not a private key in PEM$/],
    ['locked', { ...method, tls_client_auth: { ...shown, private_key: locked } }, /^tls_client_auth\.private_key does not open: write its passphrase/],
    ['another passphrase', { ...method, tls_client_auth: { ...shown, private_key: locked, passphrase: 'x' } }, /^tls_client_auth\.private_key does not open/],
    ['unknown', { ...method, tls_client_auth: { ...shown, cert: 'x' } }, /^tls_client_auth\.cert is not a known option/]
  ]
  for (const [name, options, expected] of refused) t.match(problemsOf(options), [expected], name)
  t.notMatch(JSON.stringify(refused.map(([, options]) => problemsOf(options))), /MII|MIGH/)
})
