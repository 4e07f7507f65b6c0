import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { Browser, createTestProvider, login, type TestProvider } from 'fastify-oidc-testing'
import { buttonOf } from '../forward-auth/parts.ts'
import { block, FILE, refusals, told, translate, verdictOf } from './import-oauth2-proxy-parts.ts'
import { ask, startGateway, startUpstream, type Received } from './parts.ts'

interface Test { teardown (handler: () => unknown): void }

const ORIGIN = 'http://localhost'

async function startProvider (t: Test): Promise<TestProvider> {
  const provider = await createTestProvider({ autoLogin: 'kim', users: { kim: { email: 'kim@corp.com', groups: ['staff'], mail: 'kim@mail.example' } } })
  t.teardown(async () => { await provider.close() })
  return provider
}

async function start (t: Test, { clientId, clientSecret, issuer }: TestProvider, options: Record<string, unknown>) {
  const imported = translate({ ...FILE, client_id: clientId, client_secret: clientSecret, oidc_issuer_url: issuer, cookie_secure: false, scope: 'openid email profile groups', ...options }, { listen: { host: '127.0.0.1', port: 0 } })
  const refused = refusals(imported)
  if (refused.length > 0) throw new Error(refused.join('\n'))
  return await startGateway(t, imported.value as unknown as GatewayOptions)
}

const endpoints = (options: Record<string, unknown>): unknown => translate({ ...FILE, ...options }).value.endpoints

t.test('options of the endpoints are those of the gateway', async t => {
  t.same(endpoints({}), { prefix: '/oauth2', set_xauthrequest: false })
  t.same(endpoints({ proxy_prefix: '/_in', provider_display_name: 'Corp', skip_provider_button: true, whitelist_domains: ['.corp.com', 'localhost:8081'], backend_logout_url: 'https://idp.example/out?t={id_token}', set_xauthrequest: true, pass_access_token: true, set_authorization_header: true }), {
    prefix: '/_in', provider_name: 'Corp', skip_provider_button: true, whitelist_domains: ['.corp.com', 'localhost:8081'], backend_logout_url: 'https://idp.example/out?t={id_token}', set_xauthrequest: true, pass_access_token: true, set_authorization_header: true
  })
  t.same(endpoints({ provider_display_name: '', whitelist_domains: [], backend_logout_url: '', pass_access_token: true }), { prefix: '/oauth2', set_xauthrequest: false }, 'and what is empty or has no effect is left out')
  for (const [name, value] of [['proxy_prefix', '/x'], ['provider_display_name', 'X'], ['skip_provider_button', false], ['whitelist_domains', ['x']], ['backend_logout_url', 'https://x/'], ['set_xauthrequest', true], ['set_authorization_header', true]] as const) t.equal(verdictOf(name, value), 'exact', name)
  t.equal(verdictOf('set_basic_auth', true), 'approximated')
  t.match(refusals(translate({ ...FILE, proxy_prefix: '/oauth2/' })), [/proxy_prefix: refused, must begin with \/ and not end with it/])
})

t.test('the callback is the one under the prefix, and logout stands beside it', async t => {
  const paths = (options: Record<string, unknown>): unknown => [block(translate({ ...FILE, ...options })).redirect_uri, block(translate({ ...FILE, ...options })).logout_path]
  t.same(paths({}), ['/oauth2/callback', '/oauth2/logout'])
  t.same(paths({ proxy_prefix: '/_in', redirect_url: 'https://app.corp.com' }), ['https://app.corp.com/_in/callback', '/_in/logout'])
  t.same(paths({ redirect_url: 'http://127.0.0.1:4180/oauth2/callback' }), ['http://127.0.0.1:4180/oauth2/callback', '/oauth2/logout'])
  t.match(refusals(translate({ ...FILE, redirect_url: 'https://app.corp.com/other/callback' })), [/redirect_url: refused, must have the path \/oauth2\/callback/])
})

t.test('who somebody is at auth is what the options of claims say', async t => {
  const claims = (options: Record<string, unknown>): unknown => [block(translate({ ...FILE, ...options })).email_claim, block(translate({ ...FILE, ...options })).groups_claim]
  t.same(claims({}), [undefined, undefined])
  t.same(claims({ oidc_email_claim: 'mail', oidc_groups_claim: 'roles' }), ['mail', 'roles'])
  t.same(claims({ user_id_claim: 'sub' }), ['sub', undefined])
})

t.test('O027 O030: files are routes by the path behind #, or by their own', async t => {
  const routes = (upstreams: readonly string[]): unknown => translate({ ...FILE, upstreams, set_xauthrequest: true }).value.routes.map(({ uri, upstream }) => [uri, upstream])
  t.same(routes(['file:///srv/site/#/static/', 'file:///srv/www/', 'file:///srv/one#/one']), [['/static/*', 'file:///srv/site/'], ['/srv/www/*', 'file:///srv/www/'], ['/one', 'file:///srv/one']])
  t.match(refusals(translate({ ...FILE, upstreams: ['file:///a/#/x/', 'file:///b/#/x/'] })), [/upstreams\.1: refused, has the path of an earlier one/])
  t.match(told(translate({ ...FILE, upstreams: ['file:///srv/#/x/'] })), /upstreams\.0: approximated, is the route \/x\/\* here, for GET and HEAD: folders are not listed/)
  const provider = await startProvider(t)
  const folder = t.testdir({ 'a.txt': 'the file' })
  await writeFile(join(folder, '.hidden'), 'x')
  const gateway = await start(t, provider, { upstreams: [`file://${folder}/#/static/`, await startUpstream(t)], skip_provider_button: true, set_xauthrequest: true })
  t.equal((await ask(gateway, '/static/a.txt', { headers: { accept: 'text/html' } })).status, 302)
  const { cookie, response } = await login(gateway.app, { path: '/static/a.txt' })
  t.match([response.status, response.body, response.headers.get('x-auth-request-user')], [200, 'the file', 'kim'])
  for (const path of ['/static/.hidden', '/static/', '/static/none']) t.equal((await ask(gateway, path, { headers: { cookie } })).status, 404, path)
  t.equal((await ask(gateway, '/page', { headers: { cookie } })).received.url, '/page')
})

t.test('O028 O108 O110 O119: a file without upstreams: the page, the login, 404; sign_out tells the backend and leaves the provider alone', async t => {
  const provider = await startProvider(t)
  const backend = await startUpstream(t, 'backend', (request, response) => {
    asked.push(request.url ?? '')
    response.end()
  })
  const asked: string[] = []
  const gateway = await start(t, provider, { upstreams: [], provider_display_name: 'Dex', set_xauthrequest: true, pass_access_token: true, whitelist_domains: [new URL(provider.issuer).host], backend_logout_url: `${backend}/out?t={id_token}` })
  const browser = new Browser().route(ORIGIN, gateway.app)
  const page = await browser.navigate(`${ORIGIN}/page?q=1`)
  t.match([page.status, buttonOf(page.body).label], [403, 'Sign in with Dex'])
  const arrived = await browser.navigate(buttonOf(page.body).start)
  t.match([arrived.status, arrived.url.href], [404, `${ORIGIN}/page?q=1`])
  const known = await browser.fetch(`${ORIGIN}/oauth2/auth`)
  t.match([known.status, known.headers.get('x-auth-request-email'), known.headers.get('x-auth-request-access-token')], [202, 'kim@corp.com', /./])
  t.same(JSON.parse((await browser.fetch(`${ORIGIN}/oauth2/userinfo`)).body), { user: 'kim', email: 'kim@corp.com', groups: ['staff'] })
  const out = await browser.navigate(`${ORIGIN}/oauth2/sign_out`, { follow: false })
  t.match([out.status, out.headers.get('location')], [302, '/'])
  t.match(asked, [/^\/out\?t=ey[\w-]+\.[\w-]+\.[\w-]+$/])
  t.equal((await browser.fetch(`${ORIGIN}/oauth2/auth`)).status, 401)
  t.equal((await browser.navigate(buttonOf((await browser.navigate(`${ORIGIN}/x`)).body).start)).status, 404, 'the provider still knows who it is')
})

t.test('O025 O049: another prefix moves them all, and /oauth2 is a path like any other', async t => {
  const provider = await startProvider(t)
  const gateway = await start(t, provider, { proxy_prefix: '/_in', skip_provider_button: true, oidc_email_claim: 'mail', upstreams: [await startUpstream(t)] })
  const { cookie, response } = await login(gateway.app, { path: '/_in/start?rd=/page' })
  t.equal((JSON.parse(response.body) as Received).url, '/page')
  t.equal((await ask(gateway, '/oauth2/auth', { headers: { cookie } })).received.url, '/oauth2/auth')
  t.equal((await ask(gateway, '/logout', { headers: { cookie } })).received.url, '/logout', "and so is the application's own logout")
  t.match(await ask(gateway, '/_in/auth', { headers: { cookie } }), { status: 202, headers: { 'x-auth-request-email': undefined, 'gap-auth': /./ } })
})
