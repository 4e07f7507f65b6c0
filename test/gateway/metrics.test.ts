import { channel } from 'node:diagnostics_channel'
import { createServer } from 'node:net'
import { once } from 'node:events'
import Fastify from 'fastify'
import t from 'tap'
import oidc from 'fastify-oidc'
import type { Gateway } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { startRedis } from '../support/redis-server.ts'
import { ask, keepLog, startGateway, startUpstream } from './parts.ts'

const SECRET = 'a session secret that is long enough'

async function readMetrics (gateway: Gateway): Promise<string> {
  const response = await fetch(gateway.metricsAddress() ?? '')
  return await response.text()
}

/** The value of one series; null where it is not there. */
function valueOf (text: string, series: string): number | null {
  const line = text.split('\n').find(line => line.startsWith(`${series} `))
  return line === undefined ? null : Number(line.slice(series.length + 1))
}

const requests = (route: string, method: string, status: string): string =>
  `oidc_gateway_http_request_duration_seconds_count{route="${route}",method="${method}",status="${status}"}`

t.test('O016, O018, W19: metrics are read at an address of their own, and nowhere else', async t => {
  const upstream = await startUpstream(t)
  const { stream, lines } = keepLog()
  const gateway = await startGateway(t, { metrics: { port: 0 }, log: { level: 'info' }, routes: [{ uri: '/*', upstream }] }, { logStream: stream })
  t.equal(gateway.metricsAddress(), null, 'not before it listens')
  const origin = await gateway.listen()
  const address = gateway.metricsAddress() ?? ''
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  t.ok(lines.some(line => line.includes(address)), 'the log says where')
  const response = await fetch(address)
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^text\/plain/)
  t.match(await response.text(), /^process_cpu_seconds_total /m)
  t.equal((await fetch(new URL('/', address))).status, 404)
  t.equal((await fetch(address, { method: 'POST' })).status, 404)
  t.match(await ask(gateway, '/metrics'), { status: 200, received: { url: '/metrics' } }, 'at the gateway it is a path like any other')
  t.not(new URL(address).port, new URL(origin).port)
  await gateway.close()
  await t.rejects(fetch(address), 'it ends with the gateway')
})

t.test('O016: without the option there are none', async t => {
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: await startUpstream(t) }] })
  await gateway.listen()
  t.equal(gateway.metricsAddress(), null)
})

t.test('a port that is taken stops the start', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as { port: number }
  const gateway = await startGateway(t, { metrics: { port }, routes: [{ uri: '/*', upstream: await startUpstream(t) }] })
  await t.rejects(gateway.listen(), { code: 'EADDRINUSE' })
})

t.test('requests are counted by place of the route, method and class of the status', async t => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, { metrics: { port: 0 }, routes: [{ uri: '/a/*', upstream }, { uri: '/b/*', methods: ['GET'], upstream: 'http://127.0.0.1:1' }] })
  await gateway.listen()
  for (const path of ['/a/alice@example.com', '/a/2', '/b/1', '/nowhere', '/ping']) await ask(gateway, path)
  await ask(gateway, '/a/1', { method: 'POST' })
  const text = await readMetrics(gateway)
  t.equal(valueOf(text, requests('routes[0]', 'GET', '2xx')), 2)
  t.equal(valueOf(text, requests('routes[0]', 'POST', '2xx')), 1)
  t.equal(valueOf(text, requests('routes[1]', 'GET', '5xx')), 1)
  t.equal(valueOf(text, requests('none', 'GET', '4xx')), 1)
  t.equal(valueOf(text, requests('health', 'GET', '2xx')), 1)
  t.notMatch(text, /alice/, 'no path becomes a label')
  t.ok((valueOf(text, 'oidc_gateway_http_request_duration_seconds_sum{route="routes[0]",method="GET",status="2xx"}') ?? 0) > 0)
})

t.test('logins, logouts and refusals are counted, with provider and store', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const upstream = await startUpstream(t)
  const { discovery, clientId, clientSecret } = provider
  const plugin = { discovery, client_id: clientId, client_secret: clientSecret, timeout: 30, session: { secret: SECRET } }
  const gateway = await startGateway(t, {
    metrics: { port: 0 },
    routes: [
      { uri: '/*', upstream, plugins: { 'openid-connect': plugin } },
      { uri: '/deny/*', upstream, plugins: { 'openid-connect': { ...plugin, unauth_action: 'deny' } } }
    ]
  })
  await gateway.listen()
  const { browser, response } = await login(gateway.app, { path: '/page' })
  t.equal(response.status, 200)
  await browser.navigate(`${response.url.origin}/logout`)
  t.equal((await ask(gateway, '/deny/x')).status, 401)
  t.equal((await ask(gateway, '/.apisix/redirect?state=no&code=no', { headers: { accept: 'text/html' } })).status, 302)
  const text = await readMetrics(gateway)
  t.equal(valueOf(text, 'oidc_gateway_logins_total'), 1)
  t.equal(valueOf(text, 'oidc_gateway_logouts_total'), 1)
  t.equal(valueOf(text, 'oidc_gateway_renewals_total'), 0)
  t.equal(valueOf(text, 'oidc_gateway_refusals_total{code="FST_OIDC_UNAUTHENTICATED"}'), 1)
  t.equal(valueOf(text, 'oidc_gateway_provider_known{route="routes[0]"}'), 1)
  t.equal(valueOf(text, 'oidc_gateway_sessions_reachable{route="routes[0]"}'), 1)
  t.ok((valueOf(text, requests('routes[0].plugins.openid-connect', 'GET', '3xx')) ?? 0) >= 2, 'callback and logout')
  t.notMatch(text, /alice/)
})

t.test('what is found in memory is counted, by login and kind', async t => {
  const redis = await startRedis(t)
  const upstream = await startUpstream(t)
  const plugin = { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', client_id: 'ours', client_secret: 'x', unauth_action: 'deny' as const, required_groups: ['users'] }
  const gateway = await startGateway(t, {
    metrics: { port: 0 },
    routes: [
      { uri: '/a/*', host: 'a.test', upstream, plugins: { 'openid-connect': { ...plugin, session: { secret: SECRET } } } },
      { uri: '/b/*', host: 'b.test', upstream, plugins: { 'openid-connect': { ...plugin, session: { secret: SECRET, storage: 'redis', redis: { port: redis.port } } } } }
    ]
  })
  await gateway.listen()
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(oidc, { ...plugin, redirect_uri: '/callback', session: { secret: SECRET, cookie_name: 'oidc' } })
  await app.ready()
  const cookie = await app.oidc.issueCookie({ subject: 'alice', idTokenClaims: { sub: 'alice', groups: ['users'] } })
  for (let time = 0; time < 3; time++) t.equal((await ask(gateway, '/a/1', { host: 'a.test', headers: { cookie } })).status, 200)
  const text = await readMetrics(gateway)
  const counted = (kind: string, memory: string, route = 'routes[0]'): number | null => valueOf(text, `oidc_gateway_memory_${kind}_total{route="${route}",memory="${memory}"}`)
  for (const memory of ['opened_sessions', 'identities', 'policy_decisions']) t.same([counted('hits', memory), counted('misses', memory)], [2, 1], memory)
  t.same([counted('hits', 'bearer_tokens'), counted('misses', 'bearer_tokens')], [0, 0])
  t.equal(counted('misses', 'opened_sessions', 'routes[1]'), 0)
  t.equal(valueOf(text, 'oidc_gateway_session_cache_hits_total{route="routes[1]"}'), 0)
  t.equal(valueOf(text, 'oidc_gateway_session_cache_misses_total{route="routes[0]"}'), null, 'cookies are read nowhere else')
})

t.test('what other servers of the process tell is left out, and a code is never a text of somebody else', async t => {
  const plugin = { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', client_id: 'ours', client_secret: 'x', session: { secret: SECRET } }
  const gateway = await startGateway(t, { metrics: { port: 0 }, routes: [{ uri: '/*', upstream: 'http://127.0.0.1:1', plugins: { 'openid-connect': plugin } }] })
  await gateway.listen()
  const tell = (name: string, clientId: string, code: string | null): void => { channel(`fastify-oidc:${name}`).publish({ clientId, code, issuer: null, sessionId: null }) }
  tell('login', 'theirs', null)
  tell('refused', 'theirs', 'FST_OIDC_UNAUTHENTICATED')
  tell('revocation', 'ours', null)
  for (const code of ['ECONNRESET', 'alice@example.com', null]) tell('renewal.failed', 'ours', code)
  tell('login.failed', 'ours', 'FST_OIDC_LOGIN_REFUSED')
  const text = await readMetrics(gateway)
  t.equal(valueOf(text, 'oidc_gateway_logins_total'), 0)
  t.notMatch(text, /oidc_gateway_refusals_total\{/)
  t.equal(valueOf(text, 'oidc_gateway_revocations_total'), 1)
  t.equal(valueOf(text, 'oidc_gateway_renewal_failures_total{code="other"}'), 3)
  t.equal(valueOf(text, 'oidc_gateway_login_failures_total{code="FST_OIDC_LOGIN_REFUSED"}'), 1)
  t.equal(valueOf(text, 'oidc_gateway_provider_known{route="routes[0]"}'), 0)
  await gateway.close()
  t.notOk(channel('fastify-oidc:renewal').hasSubscribers, 'nobody listens any more')
})
