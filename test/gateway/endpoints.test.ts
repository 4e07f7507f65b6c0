import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { Browser, createTestProvider, login, type TestProvider, type TestProviderOptions } from 'fastify-oidc-testing'
import { buttonOf } from '../forward-auth/parts.ts'
import { ask, askRaw, keepLog, startGateway, startUpstream, type Received } from './parts.ts'

interface Test { teardown (handler: () => unknown): void }
type Route = GatewayOptions['routes'][number]

const ORIGIN = 'http://localhost'
const SESSION = { secret: 'a session secret that is long enough' }
const HTML = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }

async function startProvider (t: Test, options: TestProviderOptions = { autoLogin: 'alice' }): Promise<TestProvider> {
  const provider = await createTestProvider(options)
  t.teardown(async () => { await provider.close() })
  return provider
}

function guarded ({ discovery, clientId, clientSecret }: Pick<TestProvider, 'discovery' | 'clientId' | 'clientSecret'>, block: Record<string, unknown> = {}): Route['plugins'] {
  return { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, scope: 'openid email profile', session: SESSION, ...block } }
}

const received = (body: string): Received => JSON.parse(body) as Received

t.test('O060 O097 O107 O108: the page stands at the address that was asked for, and its button leads back there', async t => {
  const provider = await startProvider(t)
  const gateway = await startGateway(t, { endpoints: { provider_name: 'Example' }, routes: [{ uri: '/*', upstream: await startUpstream(t), plugins: guarded(provider) }] })
  const browser = new Browser().route(ORIGIN, gateway.app)
  const page = await browser.navigate(`${ORIGIN}/deep/link?x=1&y=%2F2`)
  t.match([page.status, page.history.length, page.headers.get('cache-control'), page.headers.get('content-type')], [403, 1, 'no-store', 'text/html; charset=utf-8'])
  const { label, start } = buttonOf(page.body)
  t.equal(label, 'Sign in with Example')
  t.equal(start.pathname, '/oauth2/start')
  const arrived = await browser.navigate(start)
  t.equal(received(arrived.body).url, '/deep/link?x=1&y=%2F2')
  t.ok(arrived.history.some(({ url }) => url.pathname === '/oauth2/callback'))
  t.match(await browser.navigate(`${ORIGIN}/other`), { status: 200 }, 'and stays signed in')
  const asked = await browser.navigate(`${ORIGIN}/oauth2/sign_in`)
  t.match([asked.status, buttonOf(asked.body).start.searchParams.get('rd')], [200, '/'])
  t.equal((await browser.navigate(`${ORIGIN}/other`)).status, 403, 'O110: who was there has no session any more')
})

t.test('the page is for visits: what runs in one, sends or upgrades gets 401', async t => {
  const gateway = await startGateway(t, {
    endpoints: {},
    routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded({ discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'x' }) }]
  })
  t.equal((await ask(gateway, '/x', { headers: HTML })).status, 403, 'with the provider down, too')
  const others: ReadonlyArray<Record<string, string>> = [{ 'sec-fetch-mode': 'cors' }, { 'x-requested-with': 'XMLHttpRequest' }, { accept: 'application/json' }, { connection: 'upgrade', upgrade: 'websocket' }]
  for (const headers of others) t.equal((await ask(gateway, '/x', { headers })).status, 401, JSON.stringify(headers))
  const back = async (referer: string): Promise<string | null> => {
    const { body } = await gateway.app.inject({ method: 'POST', url: '/form', headers: { host: 'localhost', 'sec-fetch-mode': 'navigate', referer } })
    return buttonOf(body).start.searchParams.get('rd')
  }
  t.equal(await back(`${ORIGIN}/form?step=2`), '/form?step=2', 'a form that was sent comes back to where it stood')
  t.equal(await back('https://evil.example/form'), '/')
  for (const path of ['/oauth2/sign_out', '/oauth2/start', '//oauth2//sign_in?rd=/x']) t.equal(await back(ORIGIN + path), '/', path)
})

t.test('O003 O009 O014 O016: probes and crawlers are answered, and what is near them is not', async t => {
  const gateway = await startGateway(t, { endpoints: {}, routes: [{ uri: '/*', upstream: 'http://127.0.0.1:9', plugins: guarded({ discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'x' }) }] })
  for (const [path, status] of [['/ping?x=1', 200], ['/robots.txt', 200], ['/ping/', 403], ['/metrics', 403], ['/oauth2/', 403]] as const) t.equal((await ask(gateway, path, { headers: HTML })).status, status, path)
})

t.test('O055 O109: with skip_provider_button browsers go to the provider at once', async t => {
  const provider = await startProvider(t)
  const gateway = await startGateway(t, { endpoints: { skip_provider_button: true }, routes: [{ uri: '/*', upstream: await startUpstream(t), plugins: guarded(provider) }] })
  for (const path of ['/x?prompt=none', '/oauth2/sign_in?rd=/x']) {
    const { status, headers } = await ask(gateway, path, { headers: HTML })
    t.equal(status, 302)
    const { origin, searchParams } = new URL(String(headers.location))
    t.match([origin, searchParams.get('redirect_uri'), searchParams.get('prompt')], [new URL(provider.issuer).origin, 'http://localhost/oauth2/callback', null])
  }
  t.equal(received((await login(gateway.app, { path: '/page?a=1' })).response.body).url, '/page?a=1')
})

t.test('O024 O125 O126 O129: auth and userinfo answer for the session of the gateway', async t => {
  const provider = await startProvider(t, { autoLogin: 'alice', users: { alice: { email: 'alice@example.com', groups: ['staff'] } } })
  const gateway = await startGateway(t, {
    endpoints: { pass_access_token: true, set_authorization_header: true },
    routes: [{ uri: '/*', upstream: 'static://404', plugins: guarded(provider, { scope: 'openid email profile groups' }) }]
  })
  t.match(await ask(gateway, '/oauth2/auth', { headers: HTML }), { status: 401, headers: { 'content-type': /^text\/plain/ } })
  t.equal((await ask(gateway, '/oauth2/userinfo')).status, 401)
  const { cookie } = await login(gateway.app, { path: '/oauth2/start?rd=/page' })
  const known = await ask(gateway, '/oauth2/auth', { headers: { cookie } })
  t.match(known, { status: 202, headers: { 'gap-auth': 'alice@example.com', 'x-auth-request-user': 'alice', 'x-auth-request-email': 'alice@example.com', 'x-auth-request-groups': 'staff', 'x-auth-request-access-token': /./, authorization: /^Bearer ey/ } })
  t.equal((await ask(gateway, '/oauth2/auth?allowed_groups=staff', { headers: { cookie } })).status, 202)
  t.equal((await ask(gateway, '/oauth2/auth?allowed_groups=admins', { headers: { cookie } })).status, 403)
  t.match((await ask(gateway, '/oauth2/userinfo', { method: 'DELETE', headers: { cookie } })).received, { user: 'alice', email: 'alice@example.com', groups: ['staff'] })
})

t.test('O117 O118 O121: sign_out leads where rd says: to a path, a whitelisted host, the provider', async t => {
  const provider = await startProvider(t)
  const { origin: idp, host } = new URL(provider.issuer)
  const gateway = await startGateway(t, {
    endpoints: { skip_provider_button: true, whitelist_domains: [host, 'app.example.com'] },
    routes: [{ uri: '/*', upstream: await startUpstream(t), plugins: guarded(provider, { whitelist_domains: ['.example.org'] }) }]
  })
  const { browser, response: { url: { origin } } } = await login(gateway.app, { path: '/page' })
  const leave = async (rd: string): Promise<string | null> => (await browser.navigate(`${origin}/oauth2/sign_out?rd=${encodeURIComponent(rd)}`, { follow: false })).headers.get('location')
  const end = `${idp}/session/end?client_id=${provider.clientId}&post_logout_redirect_uri=${encodeURIComponent('https://app.example.com/bye')}&id_token_hint={id_token}`
  t.match(await leave(end), /^http:\/\/127\.0\.0\.1:\d+\/session\/end\?client_id=[^]*&post_logout_redirect_uri=https%3A%2F%2Fapp\.example\.com%2Fbye&id_token_hint=ey[\w-]+\.[\w-]+\.[\w-]+$/)
  t.equal((await browser.fetch(`${origin}/page`)).status, 401)
  t.equal((await browser.navigate(`${origin}/page`)).status, 200, 'the provider was not told, and knows who it is')
  for (const [rd, location] of [['/bye', '/bye'], ['https://app.example.com/x', 'https://app.example.com/x'], ['https://a.example.org/', 'https://a.example.org/'], ['https://evil.example/', '/'], ['http://app.example.com/', '/'], ['', '/']] as const) t.equal(await leave(rd), location, rd)
})

t.test('two hosts with two logins have endpoints of their own', async t => {
  const [first, second] = await Promise.all([startProvider(t), startProvider(t, { autoLogin: 'bob' })])
  const gateway = await startGateway(t, {
    endpoints: { skip_provider_button: true },
    routes: [
      { uri: '/*', host: 'a.example', upstream: 'static://404', plugins: guarded(first) },
      { uri: '/*', host: 'b.example', upstream: 'static://404', plugins: guarded(second) },
      { uri: '/*', host: 'c.example', upstream: await startUpstream(t) }
    ]
  })
  const browser = new Browser()
  for (const [origin, user] of [['http://a.example', 'alice'], ['http://b.example', 'bob']] as const) {
    browser.route(origin, gateway.app)
    await login(gateway.app, { browser, origin, path: '/oauth2/start' })
    t.match(JSON.parse((await browser.fetch(`${origin}/oauth2/userinfo`)).body), { user })
  }
  await browser.navigate('http://a.example/oauth2/sign_out?rd=/oauth2/userinfo')
  t.equal((await browser.fetch('http://a.example/oauth2/auth')).status, 401)
  t.equal((await browser.fetch('http://b.example/oauth2/auth')).status, 202)
  t.match((await ask(gateway, '/oauth2/auth', { host: 'c.example' })).received, { url: '/oauth2/auth' }, 'on other hosts the path is one like any other')
})

t.test('O019 O020 O023 O025 O026 O028: what is no endpoint is for the routes, and their guard', async t => {
  const provider = await startProvider(t)
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, {
    endpoints: { prefix: '/_auth/in', skip_provider_button: true },
    routes: [{ uri: '/*', upstream, plugins: guarded(provider) }, { uri: '/none/*', upstream: 'static://404', plugins: guarded(provider) }, { uri: '/open/*', upstream }]
  })
  t.match(await ask(gateway, '/_auth/in/static/page.css'), { status: 200, headers: { 'content-type': /^text\/css/ } })
  const origin = await gateway.listen()
  for (const [path, status] of [['none.css', 404], ['../page.css', 400], ['%2e%2e/page.css', 400], ['..%2fpage.css', 400]] as const) t.equal((await askRaw(origin, `/_auth/in/static/${path}`)).status, status, path)
  for (const path of ['/oauth2/auth', '/oauth2/start', '/_auth/in', '/_auth/in/', '/_auth/in/auth/', '/_auth/in/unknown', '/_auth/in/AUTH']) {
    t.equal((await ask(gateway, path, { headers: { 'sec-fetch-mode': 'cors' } })).status, 401, path)
  }
  const { cookie } = await login(gateway.app, { path: '/x' })
  for (const path of ['/oauth2/start', '/_auth/in/unknown', '/_auth/in/auth/']) t.equal((await ask(gateway, path, { headers: { cookie } })).received.url, path)
  t.equal((await ask(gateway, '/none/page', { headers: { cookie } })).status, 404, 'no upstream: 404 after the login')
  t.equal((await ask(gateway, '/_auth/in/auth', { headers: { cookie } })).status, 202)
  t.match((await ask(gateway, '/ping')).received, { status: 'ok' })
  const narrow = await startGateway(t, { endpoints: {}, routes: [{ uri: '/app/*', upstream, plugins: guarded(provider) }] })
  t.equal((await ask(narrow, '/oauth2/unknown', { headers: HTML })).status, 404)
  t.equal((await ask(narrow, '/oauth2/auth')).status, 401)
  const without = await startGateway(t, { routes: [{ uri: '/*', upstream }] })
  t.equal((await ask(without, '/oauth2/auth')).received.url, '/oauth2/auth', 'off when absent')
})

t.test('O111: users of a password file sign in on the page, and reach what is behind it', async t => {
  const directory = t.testdir({ users: 'kim:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n' })
  const provider = await startProvider(t)
  const gateway = await startGateway(t, { endpoints: { htpasswd: { file: 'users' } }, routes: [{ uri: '/*', upstream: await startUpstream(t), plugins: guarded(provider) }] }, { directory })
  const browser = new Browser().route(ORIGIN, gateway.app)
  const page = await browser.navigate(`${ORIGIN}/deep?x=1`)
  t.match([page.status, buttonOf(page.body).label], [403, /^Sign in with/])
  const sent = await browser.navigate(`${ORIGIN}/oauth2/sign_in`, { method: 'POST', from: page.url, body: new URLSearchParams({ rd: '/deep?x=1', username: 'kim', password: 'password' }) })
  t.match([sent.status, received(sent.body).url], [200, '/deep?x=1'])
})

t.test('force_https holds for the endpoints, and a trusted proxy speaks for the browser', async t => {
  const provider = await startProvider(t)
  const gateway = await startGateway(t, {
    trust_proxy: ['127.0.0.1'],
    force_https: true,
    endpoints: { skip_provider_button: true },
    routes: [{ uri: '/*', upstream: 'static://404', plugins: guarded(provider) }]
  })
  t.match(await ask(gateway, '/oauth2/start?rd=/x'), { status: 308, headers: { location: 'https://localhost/oauth2/start?rd=/x' } })
  const { headers } = await ask(gateway, '/oauth2/start', { headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'app.example.com' } })
  t.equal(new URL(String(headers.location)).searchParams.get('redirect_uri'), 'https://app.example.com/oauth2/callback')
})

t.test('metrics count the endpoints under a label of their own', async t => {
  const provider = await startProvider(t)
  const gateway = await startGateway(t, { metrics: { port: 0 }, endpoints: {}, routes: [{ uri: '/*', upstream: 'static://404', plugins: guarded(provider) }] })
  await gateway.listen()
  await ask(gateway, '/oauth2/auth')
  const text = await (await fetch(String(gateway.metricsAddress()))).text()
  t.match(text, /oidc_gateway_http_request_duration_seconds_count\{[^}]*route="endpoints"[^}]*\} 1/)
})

t.test('the log says at the boot what auth does not ask for, because routes of its login differ', async t => {
  const provider = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }
  const warningsOf = async (blocks: ReadonlyArray<Record<string, unknown>>, endpoints: NonNullable<GatewayOptions['endpoints']> | null = {}): Promise<Array<Record<string, unknown>>> => {
    const { lines, stream } = keepLog()
    const gateway = await startGateway(t, { log: { level: 'warn' }, ...endpoints === null ? {} : { endpoints }, routes: blocks.map((block, index) => ({ uri: `/${index}/*`, upstream: 'static://204' as const, plugins: guarded(provider, block) })) }, { logStream: stream })
    await gateway.app.ready()
    return lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(({ oidc }) => oidc === 'endpoints.rules')
  }
  const [warning, ...more] = await warningsOf([{ allowed_groups: ['admins'], required_scopes: 'read' }, { required_scopes: 'read' }, { allowed_groups: ['staff'], max_age: 60, required_scopes: 'read' }])
  t.same(more, [])
  t.match(warning, { level: 40, options: ['allowed_groups', 'max_age'], msg: /^\/oauth2\/auth asks for what all routes of its login require alike, and not for allowed_groups, max_age, which routes\[0\], routes\[1\], routes\[2\] do not say alike; .*\?allowed_groups=staff/ })
  t.match(await warningsOf([{ allowed_groups: ['a'] }, {}], { prefix: '/_auth' }), [{ msg: /^\/_auth\/auth asks/ }])
  t.same(await warningsOf([{ allowed_groups: ['a', 'b'], unauth_action: 'deny' }, { allowed_groups: ['a', 'b'] }]), [], 'all alike')
  t.same(await warningsOf([{ allowed_groups: ['a'] }, { allowed_groups: ['b'] }], null), [], 'without endpoints')
})

t.test('auth and userinfo hold what all routes of their login require alike, and nothing that routes require each for itself', async t => {
  const provider = await startProvider(t, { autoLogin: 'alice', users: { alice: { email: 'alice@example.com', email_verified: true, groups: ['staff'] } } })
  const scope = 'openid email profile groups'
  const ask202 = async (...blocks: ReadonlyArray<Record<string, unknown>>): Promise<Array<number | undefined>> => {
    const gateway = await startGateway(t, { endpoints: { skip_provider_button: true }, routes: blocks.map((block, index) => ({ uri: index === 0 ? '/*' : `/${index}/*`, upstream: 'static://204' as const, plugins: guarded(provider, { scope, ...block }) })) })
    const { cookie } = await login(gateway.app, { path: '/oauth2/start' })
    return await Promise.all(['/oauth2/auth', '/oauth2/userinfo', '/oauth2/auth?allowed_groups=staff', '/page'].map(async path => (await ask(gateway, path, { headers: { cookie } })).status))
  }
  t.same(await ask202({ allowed_groups: ['staff'] }), [202, 200, 202, 204])
  for (const required of [{ allowed_groups: ['admins'] }, { required_groups: ['staff', 'admins'] }, { allowed_emails: ['bob@example.com'] }, { allowed_email_domains: ['corp.com'] }, { required_scopes: ['reports'] }, { required_claims: { required: ['none'] } }]) t.same(await ask202(required), [403, 403, 403, 403], JSON.stringify(required))
  t.same(await ask202({ allowed_groups: ['admins'] }, { allowed_groups: ['admins'], unauth_action: 'pass' }), [403, 403, 403, 403])
  t.same(await ask202({ allowed_groups: ['admins'] }, { allowed_groups: ['staff'] }), [202, 200, 202, 403])
})
