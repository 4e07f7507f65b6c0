import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { exportJWK, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login, type TestProvider } from 'fastify-oidc-testing'
import { upstreamCertificate } from '../proxy/certificates.ts'
import { createAuthority } from './bearer-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

type Options = Partial<OidcPluginOptions>

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

interface Pushed {
  readonly form: Record<string, unknown>
  readonly authorization: string
}

/** A provider that takes pushed requests alone, with what was pushed. */
async function pushProvider (t: Test, metadata: object = {}): Promise<TestProvider & { readonly pushed: Pushed[] }> {
  const provider = await testProvider(t, {
    clients: [{ client_id: 'app', client_secret: 'a secret of the client', redirect_uris: ['http://localhost/callback', 'http://localhost/callback?tenant=1'], grant_types: ['authorization_code'], response_types: ['code'], ...metadata }],
    configuration: { features: { pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } } }
  })
  const pushed: Pushed[] = []
  provider.provider.on('pushed_authorization_request.success', ctx => { pushed.push({ form: { ...ctx.oidc.body }, authorization: ctx.get('authorization') }) })
  return Object.assign(provider, { pushed })
}

// rows: par, par.enabled
t.test('parameters and credentials are pushed, and the browser carries exactly client_id and request_uri (S084)', async t => {
  const provider = await pushProvider(t, { token_endpoint_auth_method: 'client_secret_post' })
  const { app } = await protectedApp(t, optionsFor(provider, { scope: 'openid email', token_endpoint_auth_method: 'client_secret_post', par: { enabled: true }, authorization_params: { login_hint: 'alice' } }))
  const answer = await app.inject('/')
  t.equal(answer.statusCode, 302)
  const location = new URL(String(answer.headers.location))
  t.equal(location.origin + location.pathname, `${provider.issuer}/auth`)
  t.strictSame([...location.searchParams.keys()].sort(), ['client_id', 'request_uri'])
  t.equal(location.searchParams.get('client_id'), 'app')
  const { form, authorization } = provider.pushed[0] ?? { form: {}, authorization: '' }
  t.match(form, { client_id: 'app', client_secret: 'a secret of the client', scope: 'openid email', response_type: 'code', redirect_uri: 'http://localhost/callback', code_challenge_method: 'S256', login_hint: 'alice' })
  for (const name of ['state', 'nonce', 'code_challenge']) t.ok(String(form[name]).length >= 43, name)
  t.equal(authorization, '')
  const { response } = await login(app)
  t.equal(response.status, 200)
  t.match(JSON.parse(response.body), { sub: 'alice' })
})

t.test('without par nothing is pushed', async t => {
  const provider = await testProvider(t)
  for (const options of [{}, { par: { enabled: false, endpoint: 'http://127.0.0.1:9/par' } }, { par: { endpoint_auth_method: 'private_key_jwt' } }] as Options[]) {
    const { app } = await protectedApp(t, optionsFor(provider, options))
    t.equal((await login(app)).response.status, 200)
  }
  t.equal(provider.count('POST /request'), 0)
})

t.test('a redirect_uri with a query is pushed as it is', async t => {
  const provider = await pushProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { redirect_uri: '/callback?tenant=1', par: { enabled: true } }))
  t.equal((await login(app)).response.status, 200)
  t.equal(provider.pushed[0]?.form.redirect_uri, 'http://localhost/callback?tenant=1')
  t.match(provider.pushed[0]?.authorization, /^Basic /, 'the way of the token endpoint')
})

t.test('private_key_jwt: the assertion is for the endpoint of pushed requests', async t => {
  const provider = await pushProvider(t, { client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [await exportJWK(publicKey)] } })
  const { app } = await protectedApp(t, optionsFor(provider, { client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt', client_rsa_private_key: pem, par: { enabled: true } } as Options))
  t.equal((await login(app)).response.status, 200)
  const { payload } = await jwtVerify(String(provider.pushed[0]?.form.client_assertion), publicKey, { issuer: 'app' })
  t.equal(payload.aud, `${provider.issuer}/request`)
})

interface Recorder {
  readonly url: string
  readonly seen: Array<{ readonly headers: IncomingHttpHeaders, readonly form: URLSearchParams }>
  answer: { readonly status: number, readonly body: string }
}

const GOOD = { status: 201, body: JSON.stringify({ request_uri: 'urn:ietf:params:oauth:request_uri:abc', expires_in: 60 }) }

async function recorder (t: Test): Promise<Recorder> {
  const seen: Recorder['seen'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => {
      seen.push({ headers: request.headers, form: new URLSearchParams(body) })
      response.writeHead(self.answer.status, { 'content-type': 'application/json' }).end(self.answer.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const self: Recorder = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/par`, seen, answer: GOOD }
  return self
}

async function appWithRecorder (t: Test, par: object = {}, more: Options = {}) {
  const [authority, endpoint] = [await createAuthority(t), await recorder(t)]
  const application = await protectedApp(t, optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: 'a secret of the client' }, { par: { enabled: true, endpoint: endpoint.url, ...par }, ...more } as Options))
  return { ...application, endpoint, authority }
}

// rows: par.endpoint, par.endpoint_auth_method
t.test('par.endpoint and par.endpoint_auth_method hold there alone', async t => {
  const posted = await appWithRecorder(t, { endpoint_auth_method: 'client_secret_post' })
  t.equal((await posted.app.inject('/')).statusCode, 302)
  t.equal(posted.endpoint.seen[0]?.form.get('client_secret'), 'a secret of the client')
  t.equal(posted.endpoint.seen[0]?.headers.authorization, undefined)
  const byKey = await appWithRecorder(t, { endpoint_auth_method: 'private_key_jwt' }, { client_rsa_private_key: pem })
  t.equal((await byKey.app.inject('/')).statusCode, 302)
  const { payload } = await jwtVerify(byKey.endpoint.seen[0]?.form.get('client_assertion') ?? '', publicKey)
  t.equal(payload.aud, byKey.endpoint.url)
})

t.test('200 is as good as 201', async t => {
  const { app, endpoint, authority } = await appWithRecorder(t)
  endpoint.answer = { ...GOOD, status: 200 }
  const answer = await app.inject('/')
  t.equal(answer.headers.location, `${authority.issuer}/authorize?request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aabc&client_id=app`)
})

// rows: par.enabled
t.test('what the provider does not take starts no login, and the log says what to change', async t => {
  const table: Array<[number, string, number, RegExp]> = [
    [401, '{"error":"invalid_client"}', 502, /client_id, client_secret and token_endpoint_auth_method/],
    [400, '{"error":"invalid_request","error_description":"no such scope"}', 502, /no such scope.*compare the options/],
    [500, '{}', 503, /status 500/],
    [503, 'gone', 503, /status 503/],
    [200, '<html>', 502, /as JSON/],
    [201, '{"expires_in":60}', 502, /request_uri/],
    [404, '', 502, /status 404/]
  ]
  const { app, log, endpoint } = await appWithRecorder(t)
  for (const [status, body, expected, reason] of table) {
    endpoint.answer = { status, body }
    const answer = await app.inject('/')
    t.equal(answer.statusCode, expected, `${status} ${body}`)
    t.equal(answer.headers.location, undefined)
    t.equal(answer.headers['set-cookie'], undefined, 'nothing to remember')
    t.match(log.findLast(line => typeof line.code === 'string')?.msg ?? '', reason)
  }
  endpoint.answer = GOOD
  t.equal((await app.inject('/')).statusCode, 302)
})

t.test('a provider without such an endpoint, or with one that is none', async t => {
  for (const named of [undefined, 'javascript:alert(1)', 'not a URL']) {
    const authority = await createAuthority(t)
    authority.metadata = { pushed_authorization_request_endpoint: named }
    const { app, log } = await protectedApp(t, optionsFor({ discovery: authority.discovery, clientId: 'app', clientSecret: 's' }, { par: { enabled: true } } as Options))
    t.equal((await app.inject('/')).statusCode, 502, String(named))
    t.match(log.map(({ msg }) => msg).join('\n'), /no usable pushed_authorization_request_endpoint: set par\.endpoint/)
  }
})

t.test('a document over https cannot have secrets sent without TLS', async t => {
  const plain = await recorder(t)
  const server = createTlsServer(upstreamCertificate, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, pushed_authorization_request_endpoint: plain.url }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  const facts = { discovery: `${issuer}/.well-known/openid-configuration`, clientId: 'app', clientSecret: 's' }
  const named = await protectedApp(t, optionsFor(facts, { ssl_verify: false, par: { enabled: true } } as Options))
  t.equal((await named.app.inject('/')).statusCode, 502)
  t.equal(plain.seen.length, 0)
  const written = await protectedApp(t, optionsFor(facts, { ssl_verify: false, par: { enabled: true, endpoint: plain.url } } as Options))
  t.equal((await written.app.inject('/')).statusCode, 302, 'what the options say is meant')
})

// rows: par.endpoint_auth_method
t.test('what par needs is there at boot', async t => {
  const common = { client_id: 'app', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET } }
  const secret = { client_secret: 's' }
  const problemsOf = (options: object): string[] => checkOidcOptions({ ...common, ...options }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  const accepted: Array<[string, object]> = [
    ['S041', { ...secret, par: { enabled: true } }],
    ['S055 with its secret', { ...secret, par: { enabled: true, endpoint: 'https://op.example/par', endpoint_auth_method: 'client_secret_jwt' } }],
    ['S055 with its key', { ...secret, client_rsa_private_key: pem, par: { enabled: true, endpoint_auth_method: 'private_key_jwt' } }],
    ['S055 key alone', { client_rsa_private_key: pem, token_endpoint_auth_method: 'private_key_jwt', par: { enabled: true } }],
    ['S055 disabled', { ...secret, par: { enabled: false, endpoint_auth_method: 'private_key_jwt' } }],
    ['S055 not enabled', { ...secret, par: { endpoint_auth_method: 'private_key_jwt' } }],
    ['S055 bearer_only', { ...secret, bearer_only: true, par: { enabled: true, endpoint_auth_method: 'private_key_jwt' } }],
    ['S061 not called', { ...secret, client_jwt_assertion_alg: 'RS256', par: { enabled: false, endpoint_auth_method: 'client_secret_jwt' } }]
  ]
  for (const [name, options] of accepted) t.strictSame(problemsOf(options), [], name)
  const refused: Array<[string, object, RegExp]> = [
    ['S054 unknown', { ...secret, par: { enabled: true, endpoint_auth_method: 'none' } }, /^par\.endpoint_auth_method must be one of "client_secret_basic"/],
    ['S054 without a key', { ...secret, par: { enabled: true, endpoint_auth_method: 'private_key_jwt' } }, /^client_rsa_private_key is required: par\.endpoint_auth_method is private_key_jwt$/],
    ['S054 without a secret', { use_pkce: true, par: { enabled: true, endpoint_auth_method: 'client_secret_jwt' } }, /^client_secret is required: par\.endpoint_auth_method is client_secret_jwt$/],
    ['S051', { ...secret, client_jwt_assertion_alg: 'RS256', par: { enabled: true, endpoint_auth_method: 'client_secret_jwt' } }, /^client_jwt_assertion_alg does not fit par\.endpoint_auth_method, which is client_secret_jwt$/],
    ['no address', { ...secret, par: { enabled: true, endpoint: '/par' } }, /^par\.endpoint has the wrong form/],
    ['no object', { ...secret, par: true }, /^par must be an object/],
    ['unknown', { ...secret, par: { enable: true } }, /^par\.enable is not a known option; did you mean enabled/]
  ]
  for (const [name, options, expected] of refused) t.match(problemsOf(options), [expected], name)
})
