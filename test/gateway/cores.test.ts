import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { Browser, createTestProvider, login, type TestProvider } from 'fastify-oidc-testing'
import { ask, keepLog, startGateway, startUpstream, type Received } from './parts.ts'

const SESSION = { secret: 'a session secret that is long enough' }

async function startProvider (t: { teardown (handler: () => unknown): void }, user = 'alice'): Promise<TestProvider> {
  const provider = await createTestProvider({ autoLogin: user })
  t.teardown(async () => { await provider.close() })
  return provider
}

function guarded ({ discovery, clientId, clientSecret }: TestProvider, block: Record<string, unknown> = {}): { 'openid-connect': Record<string, unknown> } {
  return { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: SESSION, ...block } }
}

t.test('a login at one route holds for all that share its core; policies differ; open routes learn nothing', async t => {
  const provider = await startProvider(t)
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/*', upstream, plugins: guarded(provider) },
      { uri: '/api/*', upstream, plugins: guarded(provider, { unauth_action: 'deny' }) },
      { uri: '/admin/*', upstream, plugins: guarded(provider, { required_scopes: ['admin'] }) },
      { uri: '/public/*', upstream }
    ]
  })
  t.equal((await ask(gateway, '/api/x')).status, 401)
  const { browser, response } = await login(gateway.app, { path: '/page?a=1' })
  const origin = response.url.origin
  const received = JSON.parse(response.body) as Received
  t.equal(received.url, '/page?a=1')
  t.type(received.headers['x-access-token'], 'string')
  t.equal(JSON.parse(Buffer.from(received.headers['x-userinfo'] ?? '', 'base64').toString()).sub, 'alice')
  t.notOk('cookie' in received.headers)
  t.equal((await browser.fetch(`${origin}/api/x`)).status, 200)
  t.equal((await browser.fetch(`${origin}/admin/x`)).status, 403)
  const open = JSON.parse((await browser.fetch(`${origin}/public/x`, { headers: { 'x-userinfo': 'forged', authorization: 'Basic YTpi' } })).body) as Received
  t.notOk('cookie' in open.headers, 'cookies of a core stay here')
  t.notOk('x-userinfo' in open.headers)
  t.equal(open.headers.authorization, 'Basic YTpi')
  t.match((await browser.navigate(`${origin}/logout`)).history[0], { status: 302 })
  t.equal((await browser.fetch(`${origin}/api/x`)).status, 401)
})

t.test('two hosts with two providers do not touch each other', async t => {
  const [first, second] = await Promise.all([startProvider(t, 'alice'), startProvider(t, 'bob')])
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/*', host: 'a.example', upstream, plugins: guarded(first) },
      { uri: '/*', host: 'b.example', upstream, plugins: guarded(second) },
      { uri: '/*', host: 'c.example', upstream }
    ]
  })
  const browser = new Browser()
  for (const origin of ['http://a.example', 'http://b.example']) browser.route(origin, gateway.app)
  for (const [origin, sub] of [['http://a.example', 'alice'], ['http://b.example', 'bob']] as const) {
    const { response } = await login(gateway.app, { browser, origin, path: '/x' })
    t.equal(JSON.parse(Buffer.from((JSON.parse(response.body) as Received).headers['x-userinfo'] ?? '', 'base64').toString()).sub, sub)
  }
  const stolen = browser.cookieHeader('http://a.example/')
  t.equal((await ask(gateway, '/x', { host: 'b.example', headers: { cookie: stolen, 'sec-fetch-mode': 'cors' } })).status, 401)
  t.notOk('cookie' in (await ask(gateway, '/x', { host: 'c.example', headers: { cookie: stolen } })).received.headers)
  await browser.navigate('http://a.example/logout')
  t.equal((await browser.fetch('http://a.example/x')).status, 401)
  t.equal((await browser.fetch('http://b.example/x')).status, 200)
  t.match((await ask(gateway, '/.apisix/redirect?code=x&state=y', { host: 'c.example' })).received, { url: '/.apisix/redirect?code=x&state=y' }, 'a callback is on the hosts of its core alone')
})

t.test('under the profile apisix each page has its own callback, on exact and on wildcard routes', async t => {
  const provider = await startProvider(t)
  const upstream = await startUpstream(t)
  const apisix = guarded(provider, { security_profile: 'apisix' })
  const gateway = await startGateway(t, { routes: [{ uri: '/exact', host: 'a.example', upstream, plugins: apisix }, { uri: '/app/*', host: 'a.example', upstream, plugins: apisix }, { uri: '/*', host: 'a.example', upstream }] })
  for (const path of ['/exact', '/app/page']) {
    const browser = new Browser().route('http://a.example', gateway.app)
    const { response } = await login(gateway.app, { browser, origin: 'http://a.example', path })
    t.match({ status: response.status, received: JSON.parse(response.body) }, { status: 200, received: { url: path, headers: { 'x-userinfo': String } } }, path)
    t.ok(response.history.some(({ url }) => url.pathname === `${path}/.apisix/redirect`), path)
  }
})

t.test('ready is red until the provider was reached once, and then no more', async t => {
  const provider = await startProvider(t)
  const upstream = await startUpstream(t)
  await provider.stop()
  const gateway = await startGateway(t, { health: { ping_path: '/alive', ready_path: '/serving' }, routes: [{ uri: '/*', upstream, plugins: guarded(provider) }] })
  const probe = async (path: string) => await gateway.app.inject(path)
  t.match(await probe('/alive'), { statusCode: 200 })
  const red = await probe('/serving')
  t.equal(red.statusCode, 503)
  t.same(red.json(), { status: 'not ready', red: ['provider of routes[0]'] })
  t.equal((await ask(gateway, '/')).status, 503)
  await provider.start()
  const deadline = Date.now() + 60_000
  while ((await probe('/serving')).statusCode !== 200 && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 100))
  t.same((await probe('/serving')).json(), { status: 'ready', red: [] })
  await provider.stop()
  t.equal((await probe('/serving')).statusCode, 200)
})

t.test('O222, O226, W16: neither codes nor states nor cookies come into the log', async t => {
  const provider = await startProvider(t)
  const upstream = await startUpstream(t)
  const { lines, stream } = keepLog()
  const configuration: GatewayOptions = { log: { level: 'trace' }, routes: [{ uri: '/*', upstream, plugins: guarded(provider) }] }
  const gateway = await startGateway(t, configuration, { logStream: stream })
  const { browser, response } = await login(gateway.app, { path: '/page?token=query-secret' })
  const { headers } = JSON.parse(response.body) as Received
  await gateway.app.inject('/.apisix/redirect?code=code-secret&state=state-secret')
  await gateway.app.inject({ url: '/nowhere%zz?code=code-secret', headers: { cookie: 'a=cookie-secret', authorization: 'Bearer bearer-secret' } })
  gateway.app.log.info({ headers: { cookie: 'cookie-secret', authorization: 'bearer-secret' }, req: { headers: { cookie: 'cookie-secret' } }, client_secret: 'query-secret' }, 'careless')
  const log = lines.join('')
  t.match(log, /"path":"\/page"/)
  t.match(log, /careless/)
  t.notMatch(log, /-secret[^"]*"/, 'nothing that is called a secret here')
  const cookie = browser.cookies(response.url)[0]?.value ?? ''
  t.ok(cookie.length > 100)
  for (const secret of [cookie.slice(0, 40), headers['x-access-token'] ?? 'none', provider.clientSecret, SESSION.secret]) t.notOk(log.includes(secret))
})
