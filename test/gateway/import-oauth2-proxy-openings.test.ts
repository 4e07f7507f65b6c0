import t from 'tap'
import type { Gateway, GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { block, FILE, refusals, told, translate, verdictOf } from './import-oauth2-proxy-parts.ts'
import { ask, startGateway, startUpstream } from './parts.ts'

interface Test { teardown (handler: () => unknown): void }

const PAGE = { accept: 'text/html' }

async function start (t: Test, options: Record<string, unknown>): Promise<Gateway> {
  const provider = await createTestProvider({ autoLogin: 'kim', users: { kim: { email: 'kim@corp.com', email_verified: true }, eve: { email: 'eve@evil.com', email_verified: true } } })
  t.teardown(async () => { await provider.close() })
  const imported = translate({ ...FILE, client_id: provider.clientId, client_secret: provider.clientSecret, oidc_issuer_url: provider.issuer, cookie_secure: false, skip_provider_button: true, upstreams: [await startUpstream(t)], ...options }, { listen: { host: '127.0.0.1', port: 0 } })
  const refused = refusals(imported)
  if (refused.length > 0) throw new Error(refused.join('\n'))
  return await startGateway(t, imported.value as unknown as GatewayOptions)
}

t.test('rules for open requests are those of the native file', async t => {
  const imported = translate({ ...FILE, skip_auth_routes: ['GET=^/pub', '!=^/api', '(?i)^/x'], skip_auth_regex: ['^/r$', 'a=b', 'GET=x'], skip_auth_preflight: true, trusted_ips: ['10.0.0.0/8'], api_routes: ['^/api'], force_json_errors: true })
  t.match(block(imported), {
    skip_auth_routes: ['GET=^/pub', '!=^/api', '(?i)^/x', '^/r$', '(?:a=b)', '(?:GET=x)'],
    skip_auth_preflight: true,
    trusted_ips: ['10.0.0.0/8'],
    api_routes: ['^/api'],
    force_json_errors: true
  })
  t.strictSame(refusals(imported), [])
  t.match(told(imported), /^skip_auth_routes: approximated, is skip_auth_routes here: a path that two servers could read differently is not open/m)
  t.strictSame([verdictOf('trusted_ips', ['::1']), verdictOf('trusted_ips', ['::1'], { reverse_proxy: true }), verdictOf('skip_auth_preflight', true), verdictOf('force_json_errors', false), verdictOf('api_routes', []), verdictOf('trusted_ips', []), verdictOf('skip_auth_regex', [])], ['exact', 'approximated', 'exact', 'exact', 'exact', 'exact', 'exact'])
})

t.test('rules that OAuth2 Proxy reads in a way of its own are told', async t => {
  const imported = translate({ ...FILE, skip_auth_routes: ['^/a=b', 'FOO=^/x', 'post=^/hook', '^/a!=b'] })
  t.strictSame(block(imported).skip_auth_routes, ['post=^/hook'])
  t.strictSame(imported.report.notes.filter(({ path }) => path[0] === 'skip_auth_routes').map(({ message }) => message.split(' ')[0]), ['"^/a=b"', '"FOO=^/x"', '"^/a!=b"'])
  t.notOk('skip_auth_routes' in block(translate({ ...FILE, skip_auth_routes: ['^/a=b'] })))
  t.match(refusals(translate({ ...FILE, skip_auth_routes: ['GET=^/a!=b'] })), [/^skip_auth_routes: refused, has "GET=\^\/a!=b", which OAuth2 Proxy takes for negated/])
})

t.test('O145, O146, O148, O152: what a file opens is open, and nothing beside it', async t => {
  const gateway = await start(t, { email_domains: ['corp.com'], skip_auth_routes: ['GET=^/pub/', 'DELETE!=^/(?:api|pub)'], pass_user_headers: true })
  const status = async (method: 'GET' | 'POST' | 'DELETE', path: string, headers: Record<string, string> = PAGE): Promise<number | undefined> => (await ask(gateway, path, { method, headers })).status
  t.strictSame([await status('GET', '/pub/x'), await status('POST', '/pub/x'), await status('GET', '/x'), await status('DELETE', '/x'), await status('DELETE', '/api/x'), await status('DELETE', '/API/x')], [200, 401, 302, 200, 401, 401])
  for (const path of ['/pub/%2e%2e/admin', '/pub/..%2fadmin', '//admin/pub/x', '/pub/;/admin', '/admin?x=/pub/', '/admin%23/pub/']) t.not(await status('GET', path), 200, path)
  const forged = await ask(gateway, '/pub/x', { headers: { 'x-forwarded-email': 'root@corp.com', x_forwarded_user: 'root', 'x-auth-request-user': 'root' } })
  t.strictSame(Object.keys(forged.received.headers).filter(name => /user|email/.test(name) && name !== 'user-agent'), [])
  const kim = await login(gateway.app, { path: '/page', user: 'kim' })
  t.match((await ask(gateway, '/pub/x', { headers: { cookie: kim.cookie, 'x-forwarded-email': 'root@corp.com' } })).received.headers, { 'x-forwarded-email': 'kim@corp.com' })
  const eve = await login(gateway.app, { path: '/page', user: 'eve' })
  const { received, status: passed } = await ask(gateway, '/pub/x', { headers: { cookie: eve.cookie } })
  t.strictSame([passed, received.headers['x-forwarded-email']], [200, undefined])
  t.equal(await status('GET', '/x', { cookie: eve.cookie }), 403)
})

t.test('O139, O140, O149, O150, O151, O153: the auth endpoint has the same rules', async t => {
  const gateway = await start(t, { reverse_proxy: true, trusted_proxy_ips: ['127.0.0.1'], skip_auth_routes: ['GET=^/pub/', '!=^/'], skip_auth_preflight: true, trusted_ips: ['10.0.0.0/8'] })
  const auth = async (headers: Record<string, string>): Promise<number | undefined> => (await ask(gateway, '/oauth2/auth', { headers })).status
  t.equal(await auth({ 'x-forwarded-uri': '/pub/x?y', 'x-forwarded-method': 'GET' }), 202)
  t.equal(await auth({ 'x-forwarded-uri': '/pub/x', 'x-forwarded-method': 'POST' }), 401)
  t.equal(await auth({ 'x-forwarded-uri': '/pub/x' }), 401)
  t.equal(await auth({ 'x-forwarded-uri': '/pub/%2e%2e/x', 'x-forwarded-method': 'GET' }), 401)
  t.equal(await auth({}), 401)
  t.equal(await auth({ 'x-forwarded-uri': '/x', 'x-forwarded-method': 'OPTIONS' }), 202)
  t.equal(await auth({ 'x-forwarded-for': '10.0.0.1' }), 202)
  t.equal(await auth({ 'x-forwarded-for': '10.0.0.1, 203.0.113.9' }), 401)
})

t.test('O142, O143, O144: programs get JSON, and no login', async t => {
  const some = await start(t, { api_routes: ['^/api'] })
  t.match(await ask(some, '/api/x', { headers: PAGE }), { status: 401, headers: { 'content-type': /json/ } })
  t.match(await ask(some, '/x', { headers: { accept: 'application/json' } }), { status: 401, headers: { 'content-type': /json/ } })
  t.equal((await ask(some, '/x', { headers: PAGE })).status, 302)
  const all = await start(t, { force_json_errors: true, skip_provider_button: false })
  t.match(await ask(all, '/x', { headers: PAGE }), { status: 401, headers: { 'content-type': /json/ } })
})
