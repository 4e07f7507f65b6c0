import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import { connect, type AddressInfo, type Socket } from 'node:net'
import tls from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { checkOidcOptions, type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { ca, clientCertificate, upstreamCertificate } from '../proxy/certificates.ts'
import { bearerApp, createAuthority, claimsFor, get } from './bearer-parts.ts'
import { optionsFor, protectedApp, testProvider, SECRET } from './support.ts'

type Options = Partial<OidcPluginOptions>

const BASIC = `Basic ${Buffer.from('gateway:a password of the proxy').toString('base64')}`

interface Passage {
  /** As the request line has it: `GET http://…`, `CONNECT host:port`. */
  readonly line: string
  readonly headers: IncomingHttpHeaders
}

interface Proxy {
  readonly url: string
  readonly passages: Passage[]
}

async function listen (t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => { sockets.add(socket) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); for (const socket of sockets) socket.destroy() })
  return (server.address() as AddressInfo).port
}

/** A forward proxy; with `authorization`, for who brings it alone. Names below `.test` are this machine. */
async function forwardProxy (t: Test, authorization?: string, server: Server = createServer()): Promise<Proxy> {
  const passages: Passage[] = []
  const addressOf = (host: string): string => host.endsWith('.test') ? '127.0.0.1' : host
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    passages.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    if (authorization !== undefined && request.headers['proxy-authorization'] !== authorization) { response.writeHead(407, { 'proxy-authenticate': 'Basic' }).end(); return }
    const { hostname, port, pathname, search } = new URL(request.url ?? '')
    const { 'proxy-authorization': mine, ...headers } = request.headers
    const onward = httpRequest({ host: addressOf(hostname), port, path: pathname + search, method: request.method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => { response.writeHead(502).end() })
    request.pipe(onward)
  })
  server.on('connect', (request, socket) => {
    passages.push({ line: `CONNECT ${request.url}`, headers: request.headers })
    if (authorization !== undefined && request.headers['proxy-authorization'] !== authorization) { socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'); return }
    const { hostname, port } = new URL(`http://${request.url}`)
    const onward = connect(Number(port), addressOf(hostname), () => { socket.write('HTTP/1.1 200 OK\r\n\r\n') })
    socket.pipe(onward).pipe(socket)
    for (const end of [socket, onward]) end.on('error', () => { socket.destroy(); onward.destroy() })
    t.teardown(() => { onward.destroy() })
  })
  return { url: `${server instanceof TlsServer ? 'https' : 'http'}://127.0.0.1:${await listen(t, server)}`, passages }
}

const ofEnvironment = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'NO_PROXY', 'no_proxy']

/** As a machine has it whose own proxy is not for us: nothing listens there, and nothing is exempt. */
function withProxiesInEnvironment (t: Test): void {
  const before = { ...process.env }
  t.teardown(() => { process.env = before })
  for (const name of ofEnvironment) process.env[name] = /no_proxy/i.test(name) ? '*' : 'http://127.0.0.1:9'
}

// rows: proxy_opts, proxy_opts.http_proxy, proxy_opts.http_proxy_authorization
t.test('a login through the proxy: every http URL in absolute form, with who we are (S082 S083)', async t => {
  withProxiesInEnvironment(t)
  const provider = await testProvider(t)
  const proxy = await forwardProxy(t, BASIC)
  const { app } = await protectedApp(t, optionsFor(provider, { proxy_opts: { http_proxy: proxy.url, http_proxy_authorization: BASIC }, authorization_params: { test: 'abc' } }))
  const first = await app.inject('/')
  t.equal(first.statusCode, 302)
  t.equal(new URL(String(first.headers.location)).searchParams.get('test'), 'abc')
  const { response } = await login(app)
  t.equal(response.status, 200)
  const lines = proxy.passages.map(({ line }) => line)
  for (const line of ['GET /.well-known/openid-configuration', 'GET /jwks', 'POST /token']) t.ok(lines.includes(line.replace('/', `${provider.issuer}/`)), line)
  t.equal(lines.filter(line => line.startsWith('CONNECT')).length, 0)
  t.ok(proxy.passages.every(({ headers }) => headers.host === new URL(provider.issuer).host && headers['proxy-authorization'] === BASIC))
  t.equal(provider.count('POST /token'), 1)
})

// rows: proxy_opts
t.test('without proxy_opts the provider is asked directly, whatever the environment says', async t => {
  withProxiesInEnvironment(t)
  delete process.env.NO_PROXY
  delete process.env.no_proxy
  const { app } = await protectedApp(t, optionsFor(await testProvider(t)))
  t.equal((await login(app)).response.status, 200)
})

t.test('of two instances, each has the proxy of its own', async t => {
  const provider = await testProvider(t)
  const [one, other] = [await forwardProxy(t), await forwardProxy(t)]
  const first = await protectedApp(t, optionsFor(provider, { proxy_opts: { http_proxy: one.url } }))
  const second = await protectedApp(t, optionsFor(provider, { proxy_opts: { http_proxy: other.url } }))
  const third = await protectedApp(t, optionsFor(provider))
  for (const { app } of [first, second, third]) t.equal((await app.inject('/')).statusCode, 302)
  t.strictSame([one.passages.length, other.passages.length, provider.count('/.well-known/openid-configuration')], [1, 1, 3])
})

// rows: proxy_opts.no_proxy
t.test('S430: no_proxy: names with what is below them, dots, blanks, addresses and all', async t => {
  const provider = await testProvider(t)
  const { port } = new URL(provider.issuer)
  const named = { discovery: `http://op.sub.localhost:${port}/.well-known/openid-configuration`, claim_validator: { issuer: { valid_issuers: [provider.issuer] } } }
  const table: Array<[string, Options, number]> = [
    ['other.example', named, 1],
    ['localhost', named, 0],
    ['.localhost', named, 0],
    ['*.sub.localhost', named, 0],
    ['a.example,  SUB.localhost ,b.example', named, 0],
    ['b.localhost', named, 1],
    ['ocalhost', named, 1],
    ['deeper.op.sub.localhost', named, 1],
    ['*', named, 0],
    ['a.example, *', named, 0],
    ['127.0.0.1', {}, 0],
    ['127.0.0.2', {}, 1]
  ]
  for (const [noProxy, options, expected] of table) {
    const proxy = await forwardProxy(t)
    const { app } = await protectedApp(t, optionsFor(provider, { ...options, proxy_opts: { http_proxy: proxy.url, no_proxy: noProxy } } as Options))
    await app.inject('/')
    t.equal(proxy.passages.length, expected, noProxy)
  }
})

interface SecureAuthority {
  /** Subjects of what callers showed; `none` for nothing. */
  readonly certificates: ReadonlySet<string>
  readonly origin: string
  readonly headers: IncomingHttpHeaders[]
}

/** Over TLS, by a certificate for `upstream.test` that this process does not trust. */
async function secureAuthority (t: Test): Promise<SecureAuthority> {
  const headers: IncomingHttpHeaders[] = []
  const certificates = new Set<string>()
  const server = createTlsServer({ ...upstreamCertificate, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    headers.push(request.headers)
    certificates.add((request.socket as TLSSocket).getPeerX509Certificate()?.subject ?? 'none')
    const body = request.url === '/introspect' ? { active: true, ...claimsFor({ issuer: origin }) } : { issuer: origin, authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  const origin = `https://upstream.test:${await listen(t, server)}`
  return { origin, headers, certificates }
}

// rows: proxy_opts.https_proxy, proxy_opts.https_proxy_authorization
t.test('https URLs go through a tunnel, and what is for the proxy stays there', async t => {
  const { origin, headers } = await secureAuthority(t)
  const proxy = await forwardProxy(t, BASIC)
  const options: Options = { ssl_verify: false, introspection_endpoint: `${origin}/introspect`, introspection_addon_headers: ['Proxy-Authorization', 'X-Tenant'], proxy_opts: { https_proxy: proxy.url, https_proxy_authorization: BASIC } }
  const { app } = await bearerApp(t, { discovery: `${origin}/.well-known/openid-configuration` }, options)
  const answer = await get(app, 'opaque', { 'proxy-authorization': 'Basic bWFsbG9yeQ==', 'x-tenant': 'seven' })
  t.equal(answer.statusCode, 200, answer.body)
  t.strictSame([...new Set(proxy.passages.map(({ line, headers }) => `${line} ${headers['proxy-authorization']}`))], [`CONNECT ${new URL(origin).host} ${BASIC}`], 'the header of a request is not for CONNECT')
  t.equal(headers.at(-1)?.['proxy-authorization'], undefined, 'nor for the provider')
  t.equal(headers.at(-1)?.['x-tenant'], 'seven')
})

t.test('a certificate of ours is shown to the provider behind the tunnel', async t => {
  const { origin, certificates } = await secureAuthority(t)
  const proxy = await forwardProxy(t)
  const options = { client_secret: undefined, ssl_verify: false, introspection_endpoint: `${origin}/introspect`, introspection_endpoint_auth_method: 'tls_client_auth', tls_client_auth: { certificate: clientCertificate.cert, private_key: clientCertificate.key }, proxy_opts: { https_proxy: proxy.url } } as Options
  const { app } = await bearerApp(t, { discovery: `${origin}/.well-known/openid-configuration` }, options)
  t.equal((await get(app, 'opaque')).statusCode, 200)
  t.strictSame([...certificates], ['CN=client.test'])
  t.equal(proxy.passages.length > 0, true)
})

// rows: ssl_verify
t.test('S431: a proxy behind TLS has to prove who it is, and nothing goes there before', async t => {
  const passed: string[] = []
  const untrusted = createTlsServer(upstreamCertificate, (request, response) => { passed.push(`${request.method} ${request.url}`); response.end() })
  untrusted.on('connect', (request, socket) => { passed.push(`CONNECT ${request.url}`); socket.end() })
  const port = await listen(t, untrusted)
  for (const [discovery, name] of [['http://op.example/.well-known/openid-configuration', 'http_proxy'], ['https://op.example/.well-known/openid-configuration', 'https_proxy']] as const) {
    const { app, log } = await protectedApp(t, optionsFor({ discovery, clientId: 'app', clientSecret: 's' }, { ssl_verify: false, proxy_opts: { [name]: `https://127.0.0.1:${port}` } }))
    t.equal((await app.inject('/')).statusCode, 503, name)
    t.match(log.map(({ msg }) => msg).join('\n'), /certificate was not accepted/, 'ssl_verify is for the provider alone')
  }
  t.strictSame(passed, [])
})

/** This process trusts the authority of the tests, as NODE_EXTRA_CA_CERTS would have it from its start. */
function trustAuthority (t: Test): void {
  const { createSecureContext } = tls
  tls.createSecureContext = options => {
    const context = createSecureContext(options)
    context.context.addCACert(ca)
    return context
  }
  t.teardown(() => { tls.createSecureContext = createSecureContext })
}

t.test('S431: a proxy behind TLS that proves it passes requests on, and tunnels', async t => {
  trustAuthority(t)
  const provider = await testProvider(t)
  const proxy = await forwardProxy(t, BASIC, createTlsServer(upstreamCertificate))
  const plain = await protectedApp(t, optionsFor(provider, { proxy_opts: { http_proxy: proxy.url, http_proxy_authorization: BASIC } }))
  t.equal((await plain.app.inject('/')).statusCode, 302)
  t.strictSame(proxy.passages.map(({ line }) => line), [`GET ${provider.discovery}`])
  const { origin } = await secureAuthority(t)
  const tunnelled = await protectedApp(t, optionsFor({ ...provider, discovery: `${origin}/.well-known/openid-configuration` }, { proxy_opts: { https_proxy: proxy.url, https_proxy_authorization: BASIC } }))
  t.equal((await tunnelled.app.inject('/')).statusCode, 302)
  t.equal(proxy.passages.at(-1)?.line, `CONNECT ${new URL(origin).host}`)
})

t.test('ssl_verify holds through the tunnel', async t => {
  const { origin, headers } = await secureAuthority(t)
  const proxy = await forwardProxy(t)
  const { app, log } = await bearerApp(t, { discovery: `${origin}/.well-known/openid-configuration` }, { introspection_endpoint: `${origin}/introspect`, proxy_opts: { https_proxy: proxy.url } })
  t.equal((await get(app, 'opaque')).statusCode, 503)
  t.equal(headers.length, 0)
  t.ok(proxy.passages.length > 0)
  t.match(log.map(({ msg }) => msg).join('\n'), /certificate was not accepted/)
})

// rows: proxy_opts.http_proxy, proxy_opts.https_proxy
t.test('a proxy for http alone is none for https, and the reverse', async t => {
  const authority = await createAuthority(t)
  authority.knows = () => ({ active: true, ...claimsFor(authority) })
  const proxy = await forwardProxy(t)
  const { app } = await bearerApp(t, authority, { introspection_endpoint: `${authority.issuer}/introspect`, proxy_opts: { https_proxy: proxy.url } })
  t.equal((await get(app, 'opaque')).statusCode, 200)
  t.equal(proxy.passages.length, 0)
})

// rows: proxy_opts.http_proxy_authorization, introspection_addon_headers
t.test('a Proxy-Authorization that the request brings goes before ours for http', async t => {
  const authority = await createAuthority(t)
  authority.knows = () => ({ active: true, ...claimsFor(authority) })
  const proxy = await forwardProxy(t)
  const { app } = await bearerApp(t, authority, { introspection_endpoint: `${authority.issuer}/introspect`, introspection_addon_headers: ['Proxy-Authorization'], proxy_opts: { http_proxy: proxy.url, http_proxy_authorization: BASIC } })
  t.equal((await get(app, 'one', { 'proxy-authorization': 'Basic dGhlaXJz' })).statusCode, 200)
  t.equal((await get(app, 'two')).statusCode, 200)
  t.strictSame(proxy.passages.filter(({ line }) => line.startsWith('POST')).map(({ line, headers }) => [line, headers['proxy-authorization']]), [[`POST ${authority.issuer}/introspect`, 'Basic dGhlaXJz'], [`POST ${authority.issuer}/introspect`, BASIC]])
})

t.test('a proxy that lets nobody through is named in the log, and what we told it is not', async t => {
  const provider = await testProvider(t)
  const proxy = await forwardProxy(t, 'Basic b3RoZXI=')
  const plain = await protectedApp(t, optionsFor(provider, { proxy_opts: { http_proxy: proxy.url, http_proxy_authorization: BASIC } }))
  t.equal((await plain.app.inject('/')).statusCode, 503)
  t.match(plain.log.map(({ msg }) => msg).join('\n'), /Proxy response \(407\).*check the proxies and their authorization in proxy_opts/)
  const tunnel = await protectedApp(t, optionsFor({ ...provider, discovery: 'https://upstream.test:8443/.well-known/openid-configuration' }, { proxy_opts: { https_proxy: proxy.url, https_proxy_authorization: BASIC } }))
  t.equal((await tunnel.app.inject('/')).statusCode, 503)
  t.match(tunnel.log.map(({ msg }) => msg).join('\n'), /Proxy response \(407\).*check the proxies and their authorization in proxy_opts/)
  t.notMatch(JSON.stringify([plain.log, tunnel.log]), BASIC.slice(6))
})

// rows: proxy_opts.http_proxy_authorization, proxy_opts.https_proxy_authorization
t.test('what proxy_opts cannot mean stops the boot', async t => {
  const problemsOf = (proxy: object): string[] => checkOidcOptions({ client_id: 'app', client_secret: 's', discovery: 'https://op.example/.well-known/openid-configuration', session: { secret: SECRET }, proxy_opts: proxy }).problems.map(({ path, message }) => `${path.join('.')} ${message}`)
  const table: Array<[object, RegExp]> = [
    [{ http_proxy: 'proxy.example:3128' }, /^proxy_opts\.http_proxy has the wrong form/],
    [{ https_proxy: 'socks5://proxy.example' }, /^proxy_opts\.https_proxy has the wrong form/],
    [{ http_proxy: 'http://me:pass@proxy.example' }, /^proxy_opts\.http_proxy must be http:\/\/<host>:<port> and nothing more/],
    [{ https_proxy: 'http://proxy.example/path' }, /^proxy_opts\.https_proxy must be/],
    [{ https_proxy: 'http://:80' }, /^proxy_opts\.https_proxy must be/],
    [{ http_proxy_authorization: 'Bearer abc' }, /^proxy_opts\.http_proxy_authorization must be Basic and the base64/],
    [{ https_proxy_authorization: 'Basic me:pass' }, /^proxy_opts\.https_proxy_authorization must be Basic/],
    [{ https_proxy_authorization: 'Basic YTpi\r\nx: y' }, /^proxy_opts\.https_proxy_authorization must be Basic/],
    [{ no_proxy: 'a.example:80' }, /^proxy_opts\.no_proxy must be hosts/],
    [{ no_proxy: '10.0.0.0/8' }, /^proxy_opts\.no_proxy must be hosts/],
    [{ no_proxi: 'a' }, /no_proxi is not a known option; did you mean no_proxy/],
    [{ no_proxy: ['a'] }, /^proxy_opts\.no_proxy must be a string/]
  ]
  for (const [proxy, expected] of table) t.match(problemsOf(proxy), [expected], JSON.stringify(proxy))
  t.strictSame(problemsOf({ http_proxy: 'http://proxy.example:3128/', https_proxy: 'https://proxy.example', http_proxy_authorization: BASIC, https_proxy_authorization: BASIC, no_proxy: 'a.example, .b.example,::1,[::1], *' }), [])
})
