import t from 'tap'
import { createTestProvider } from 'fastify-oidc-testing'
import { refusals, FILE, startImported, translate } from './import-oauth2-proxy-parts.ts'
import { ask } from './parts.ts'

const HTML = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
const provider = await createTestProvider({ autoLogin: 'alice' })
t.teardown(async () => { await provider.close() })

t.test('O002, O004, O010, O013: probes are where the file says, name what is ready, and are not logged', async t => {
  const logLines: string[] = []
  const gateway = await startImported(t, provider, { ping_path: '/healthz', ready_path: '/readyz', silence_ping_logging: true }, { logLines })
  await gateway.app.ready()
  logLines.length = 0
  t.match(await ask(gateway, '/healthz'), { status: 200, received: { status: 'ok' } })
  t.match(await ask(gateway, '/readyz'), { status: 200, received: { status: 'ready', red: [] } })
  for (const path of ['/healthz', '/readyz']) t.equal((await ask(gateway, path, { method: 'HEAD' })).status, 200, path)
  t.strictSame(logLines, [])
  for (const path of ['/ping', '/ready']) t.equal((await ask(gateway, path, { headers: HTML })).status, 403, path)
  t.match(logLines.map(line => JSON.parse(line)), [{ req: { path: '/ping' } }], 'other requests are')
})

t.test('O006, O007, O008, GHSA-5hvv-m4w4-gf6v: what a caller calls itself opens nothing', async t => {
  const gateway = await startImported(t, provider, { ping_user_agent: 'kube' })
  for (const agent of ['kube', 'GoogleHC/1.0']) {
    const headers = { ...HTML, 'user-agent': agent }
    for (const [path, status] of [['/oauth2/auth', 401], ['/oauth2/userinfo', 401], ['/x', 403], ['/', 403], ['/liveness_check', 403], ['/readiness_check', 403], ['/ping/', 403], ['/ping', 200]] as const) t.equal((await ask(gateway, path, { headers })).status, status, `${agent} ${path}`)
  }
  t.match(refusals(translate({ ...FILE, gcp_healthchecks: true })), [/^gcp_healthchecks: refused/])
})

t.test('O224: the log has the address that a trusted proxy names, and else the one of the socket', async t => {
  for (const [options, expected] of [[{}, '127.0.0.1'], [{ reverse_proxy: true, trusted_proxy_ips: ['10.0.0.1'] }, '127.0.0.1'], [{ reverse_proxy: true, trusted_proxy_ips: ['127.0.0.1'] }, '203.0.113.9']] as const) {
    const logLines: string[] = []
    const gateway = await startImported(t, provider, options, { logLines })
    await ask(gateway, '/x', { headers: { ...HTML, 'x-forwarded-for': '203.0.113.9', 'x-real-ip': '198.51.100.1' } })
    t.match(logLines.map(line => JSON.parse(line) as Record<string, unknown>).find(({ req }) => req !== undefined), { req: { path: '/x', remoteAddress: expected } }, JSON.stringify(options))
  }
})
