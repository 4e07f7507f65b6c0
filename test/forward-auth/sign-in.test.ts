import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createHash } from 'node:crypto'
import t from 'tap'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import forwardAuth, { type ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { Browser, withIdentity } from 'fastify-oidc-testing'
import { ORIGIN } from '../oidc/flow.ts'
import { optionsFor, testProvider } from '../oidc/support.ts'
import { buttonOf, gate, OFFLINE, statusOf } from './parts.ts'

const provider = await testProvider(t)
const ALICE = { sub: 'alice' }

const rdOf = async (app: Parameters<typeof statusOf>[0], url: string, headers: Record<string, string> = {}): Promise<string | null> =>
  buttonOf((await app.inject({ url, headers })).body).start.searchParams.get('rd')

t.test('O060, O107, O117: from the page over the provider and back to the deep link, and out again', async t => {
  const { app } = await gate(t, { provider, endpoints: { provider_name: 'Example & "Co"' } })
  const browser = new Browser().route(ORIGIN, app)
  const page = await browser.navigate(`${ORIGIN}/oauth2/sign_in?rd=${encodeURIComponent('/deep/link?x=1&y=2')}`)
  t.equal(page.status, 200)
  t.match(page.body, 'Sign in with <bdi>Example &amp; &quot;Co&quot;</bdi>')
  const { start } = buttonOf(page.body)
  const arrived = await browser.navigate(start)
  t.match(JSON.parse(arrived.body), { sub: 'alice', url: '/deep/link?x=1&y=2' })
  t.equal((await browser.navigate(`${ORIGIN}/oauth2/auth`)).status, 202)
  const out = await browser.navigate(`${ORIGIN}/oauth2/sign_out?rd=/oauth2/sign_in`, { follow: false })
  t.equal(out.headers.get('location'), '/oauth2/sign_in')
  t.equal((await browser.navigate(`${ORIGIN}/oauth2/auth`)).status, 401)
  t.equal((await browser.navigate(`${ORIGIN}/oauth2/sign_in`)).status, 200)
})

t.test('the page needs no script and nothing from elsewhere, and is never kept', async t => {
  const { app } = await gate(t)
  const { statusCode, headers, body } = await app.inject('/oauth2/sign_in')
  t.equal(statusCode, 200)
  t.equal(headers['cache-control'], 'no-store')
  const style = /<style>(.*)<\/style>/.exec(body)?.[1] ?? ''
  t.equal(headers['content-security-policy'], `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'`)
  t.match(body, /prefers-color-scheme:dark/)
  t.notMatch(body, /<script|https?:|src=|@import/)
  t.equal(buttonOf(body).label, 'Sign in with OpenID Connect')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=%22%3E%3Cscript%3Ealert(1)%3C/script%3E'), '/')
  t.notMatch((await app.inject('/oauth2/sign_in?rd=/%22%3E%3Cscript%3E')).body, '<script', 'O115')
})

t.test('O110, CVE-2026-34454: who comes to the page with a session has none any more', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE)
  const page = await app.inject({ url: '/oauth2/sign_in', headers })
  t.match(page.headers['set-cookie'], /^oidc=; Max-Age=0/)
  t.equal(await statusOf(app, '/oauth2/auth', headers), 401, 'and its cookie is worth nothing')
  const skipping = await gate(t, { provider, endpoints: { skip_provider_button: true } })
  const kept = await withIdentity(skipping.app, ALICE)
  t.match(await skipping.app.inject({ url: '/oauth2/sign_in?rd=/x', headers: kept.headers }), { statusCode: 302, headers: { location: new RegExp(`^${provider.issuer}`) } }, 'O109')
  t.equal(await statusOf(skipping.app, '/oauth2/auth', kept.headers), 202)
})

t.test('O095, O096, O098: where it leads comes from the body, the query, the header, in that order', async t => {
  const { app } = await gate(t, { core: { whitelist_domains: ['.example.com'] } })
  const header = { 'x-auth-request-redirect': '/from/header' }
  t.equal(await rdOf(app, '/oauth2/sign_in'), '/')
  t.equal(await rdOf(app, '/oauth2/sign_in', header), '/from/header')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=/q', header), '/q')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=https://evil.example/', header), '/from/header')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=', header), '/from/header')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=/q&rd=/r'), '/q')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=%68ttps%3A%2F%2Fshop.example.com%2Fx'), 'https://shop.example.com/x')
  const posted = await app.inject({ method: 'POST', url: '/oauth2/sign_in?rd=/query', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: 'rd=%2Fbody' })
  t.equal(buttonOf(posted.body).start.searchParams.get('rd'), '/body')
  t.equal((await app.inject({ method: 'POST', url: '/oauth2/sign_in', headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: `rd=/${'x'.repeat(70_000)}` })).statusCode, 413)
  t.equal((await app.inject({ method: 'POST', url: '/oauth2/sign_in', headers: { 'content-type': 'application/json' }, payload: '{' })).statusCode, 200, 'of other bodies nothing is read')
  for (const name of ['sign_in', 'start', 'callback', 'sign_out', 'st%61rt', 'sign_in?rd=/x']) t.equal(await rdOf(app, `/oauth2/sign_in?rd=/oauth2/${name}`), '/', `${name} would begin again`)
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=https://a.example.com/oauth2/start'), '/')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=/oauth2/userinfo'), '/oauth2/userinfo')
})

t.test('O105: what nginx wrote without escaping it is kept whole', async t => {
  const { app } = await gate(t, { core: { whitelist_domains: ['app.example.com'] } })
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=https://app.example.com/a?x=1&y=a%2Bb&z=%26'), 'https://app.example.com/a?x=1&y=a%2Bb&z=%26')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=http://localhost/a?x=1&y=2'), '/a?x=1&y=2')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=%2Fa%3Fx%3D1%26y%3D2&other=3'), '/a?x=1&y=2')
  t.equal(await rdOf(app, '/oauth2/sign_in?rd=//evil.example/a?x=1&y=2'), '/')
})

t.test('O097, O099, O100, O101, W3: X-Forwarded-* of a trusted proxy says what was asked for, and nobody else does', async t => {
  const sent = { host: 'internal', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'localhost' }
  for (const [trustProxy, path] of [['127.0.0.1', '/foo?bar=1'], [true, '/foo?bar=1'], ['10.0.0.1', '/'], [false, '/']] as const) {
    const { app } = await gate(t, { server: { trustProxy } })
    t.equal(await rdOf(app, '/oauth2/sign_in', { ...sent, 'x-forwarded-uri': '/foo?bar=1' }), path, `trustProxy: ${String(trustProxy)}`)
    for (const forwarded of ['//evil.example/x', 'https://evil.example/', '/\\evil.example', '/oauth2/sign_in', '/oauth2/start?x']) t.equal(await rdOf(app, '/oauth2/sign_in', { ...sent, 'x-forwarded-uri': forwarded }), '/')
  }
})

t.test('O048, O049: the address that the provider answers to follows the host that a trusted proxy names', async t => {
  for (const [trustProxy, host] of [['127.0.0.1', 'https://h2'], ['10.0.0.1', 'http://app.example']] as const) {
    const { app } = await gate(t, { provider, server: { trustProxy } })
    const { headers } = await app.inject({ url: '/oauth2/start', headers: { host: 'app.example', 'x-forwarded-host': 'h2', 'x-forwarded-proto': 'https' } })
    t.equal(new URL(String(headers.location)).searchParams.get('redirect_uri'), `${host}/oauth2/callback`)
  }
})

t.test('O232: hosts under one cookie domain share the session, and the login leads back to its host', async t => {
  const [auth, shop] = ['http://auth.app.localhost', 'http://shop.app.localhost']
  const { app } = await gate(t, { provider, core: { redirect_uri: `${auth}/oauth2/callback`, whitelist_domains: ['.app.localhost'], session: { cookie_domain: 'app.localhost' } as never } })
  const browser = new Browser().route(auth, app).route(shop, app)
  const arrived = await browser.navigate(`${shop}/oauth2/start?rd=/cart?x=1&y=2`)
  t.equal(arrived.url.href, `${shop}/cart?x=1&y=2`)
  t.match(JSON.parse(arrived.body), { sub: 'alice' })
  for (const origin of [auth, shop]) t.equal((await browser.navigate(`${origin}/oauth2/auth`)).status, 202)
  t.equal((await browser.navigate(`${auth}/oauth2/sign_out?rd=${shop}/oauth2/sign_in`, { follow: false })).headers.get('location'), `${shop}/oauth2/sign_in`)
})

t.test('O059, W8: two starts share nothing, and each has a nonce and S256', async t => {
  const { app } = await gate(t, { provider })
  const [first, second] = await Promise.all([1, 2].map(async () => new URL(String((await app.inject('/oauth2/start')).headers.location)).searchParams))
  for (const name of ['state', 'nonce', 'code_challenge']) t.ok((first?.get(name)?.length ?? 0) > 20 && first?.get(name) !== second?.get(name), name)
  t.equal(first?.get('code_challenge_method'), 'S256')
})

t.test('a provider that is down is a page with 503, and the session lives', async t => {
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE)
  const page = await app.inject({ url: '/oauth2/start', headers: { ...headers, accept: 'text/html' } })
  t.match(page, { statusCode: 503, headers: { 'content-type': 'text/html; charset=utf-8', 'retry-after': '5', 'set-cookie': undefined } })
  t.match(page.body, /FST_OIDC_PROVIDER_UNAVAILABLE/)
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202)
})

t.test('O121, O122, O120: sign_out ends the session and goes where it is allowed to', async t => {
  const { app } = await gate(t)
  t.match(await app.inject('/oauth2/sign_out'), { statusCode: 302, headers: { location: '/' } })
  t.match(await app.inject({ url: '/oauth2/sign_out', headers: { cookie: 'oidc=broken' } }), { statusCode: 302, headers: { location: '/' } })
  const { headers } = await withIdentity(app, ALICE)
  const out = await app.inject({ url: '/oauth2/sign_out', headers: { ...headers, 'x-auth-request-redirect': '/bye' } })
  t.match(out, { statusCode: 302, headers: { location: '/bye', 'set-cookie': /^oidc=; Max-Age=0/, 'cache-control': 'no-store' } })
  t.equal(await statusOf(app, '/oauth2/auth', headers), 401)
  t.equal((await app.inject({ method: 'POST', url: '/oauth2/sign_out?rd=/x' })).statusCode, 303)
})

t.test('W14: a link on another site is asked about first, unless that is switched off', async t => {
  const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE)
  const ask = await app.inject({ url: '/oauth2/sign_out?rd=/bye', headers: { ...headers, ...foreign } })
  t.match(ask, { statusCode: 200, headers: { 'set-cookie': undefined } })
  t.match(ask.body, '<form method="post" action="/oauth2/sign_out?rd=%2Fbye">')
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202)
  t.match(await app.inject({ method: 'POST', url: '/oauth2/sign_out?rd=%2Fbye', headers: { ...headers, 'sec-fetch-site': 'same-origin' } }), { statusCode: 303, headers: { location: '/bye' } })
  const allowing = await gate(t, { endpoints: { cross_site_sign_out: 'allow' } })
  t.equal(await statusOf(allowing.app, '/oauth2/sign_out', foreign), 302)
  const again = await withIdentity(app, ALICE)
  const old = await app.inject({ method: 'POST', url: '/oauth2/sign_out', headers: { ...again.headers, origin: 'https://evil.example' } })
  t.match(old, { statusCode: 200, headers: { 'set-cookie': undefined } }, 'nor is a form of another site a wish, from a browser without Sec-Fetch-Site')
  for (const site of ['none', 'same-origin', 'same-site']) t.equal(await statusOf(app, '/oauth2/sign_out', { 'sec-fetch-site': site }), 302, site)
})

t.test('W14: nor does the sign-in page end a session that another site\'s link came along with', async t => {
  const foreign = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }
  const { app } = await gate(t)
  const { headers } = await withIdentity(app, ALICE)
  for (const method of ['GET', 'POST'] as const) {
    const ask = await app.inject({ method, url: '/oauth2/sign_in?rd=/deep', headers: { ...headers, ...foreign } })
    t.match(ask, { statusCode: 200, headers: { 'set-cookie': undefined } })
    t.match(ask.body, '<a class="b" href="/oauth2/sign_in?rd=%2Fdeep">Sign in again</a>')
    t.match(ask.body, '<a class="b quiet" href="/deep">Stay signed in</a>')
  }
  t.equal(await statusOf(app, '/oauth2/auth', headers), 202)
  const own = await app.inject({ url: '/oauth2/sign_in?rd=/deep', headers: { ...headers, 'sec-fetch-site': 'same-origin' } })
  t.match(own, { statusCode: 200, headers: { 'set-cookie': /^oidc=; Max-Age=0/ } })
  const { start } = buttonOf((await app.inject({ url: '/oauth2/sign_in?rd=/deep', headers: foreign })).body)
  t.match(start, { pathname: '/oauth2/start' }, 'who has no session is not asked')
  const allowing = await gate(t, { endpoints: { cross_site_sign_out: 'allow' } })
  const allowed = await withIdentity(allowing.app, ALICE)
  t.match((await allowing.app.inject({ url: '/oauth2/sign_in', headers: { ...allowed.headers, ...foreign } })).headers['set-cookie'], /^oidc=; Max-Age=0/)
})

t.test('O118, W12: {id_token} goes to the provider that issued it, and to nobody else', async t => {
  const { app } = await gate(t, { provider, core: { whitelist_domains: [new URL(provider.issuer).host, 'other.example.com'] } })
  const leads = async (rd: string, idToken: string | null = 'a.b.c'): Promise<unknown> => {
    const headers = idToken === null ? {} : (await withIdentity(app, ALICE, idToken === '' ? {} : { idToken })).headers
    return (await app.inject({ url: '/oauth2/sign_out', query: { rd }, headers })).headers.location
  }
  const page = `${provider.issuer}/session/end?id_token_hint={id_token}`
  t.equal(await leads(page), page.replace('{id_token}', 'a.b.c'))
  t.equal(await leads(page, ''), page.replace('{id_token}', ''))
  t.equal(await leads(page, null), page, 'without a session it stays as it is')
  t.equal(await leads(`${provider.issuer}/out/{id_token}/x`), `${provider.issuer}/out/a.b.c/x`)
  for (const rd of ['https://other.example.com/?t={id_token}', '/public?t={id_token}']) t.equal(await leads(rd), rd)
})

t.test('O123: the provider is signed out of where that is written', async t => {
  const { app } = await gate(t, { provider, endpoints: { sign_out_at_provider: true } })
  const { headers } = await withIdentity(app, ALICE, { idToken: 'a.b.c' })
  const to = new URL(String((await app.inject({ url: '/oauth2/sign_out?rd=/bye', headers })).headers.location))
  t.equal(to.origin, new URL(provider.issuer).origin)
  t.match(Object.fromEntries(to.searchParams), { id_token_hint: 'a.b.c', post_logout_redirect_uri: 'http://localhost/bye' })
  t.equal((await app.inject('/oauth2/sign_out?rd=/bye')).headers.location, '/bye', 'who is not signed in is not sent there')
})

t.test('O119: backend_logout_url is told once, and cannot hold the sign-out up', async t => {
  const asked: string[] = []
  const backend = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(500).end()
  }).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  t.teardown(() => { backend.close() })
  const { app, log } = await gate(t, { endpoints: { backend_logout_url: `http://127.0.0.1:${(backend.address() as AddressInfo).port}/out?t={id_token}` } })
  await app.inject('/oauth2/sign_out')
  t.equal((await app.inject({ url: '/oauth2/sign_out', headers: (await withIdentity(app, ALICE, { idToken: 'a.b.c' })).headers })).statusCode, 302)
  t.strictSame(asked, ['/out?t=a.b.c'])
  backend.close()
  backend.closeAllConnections()
  t.equal((await app.inject({ url: '/oauth2/sign_out', headers: (await withIdentity(app, ALICE, { idToken: 'd.e.f' })).headers })).statusCode, 302)
  t.equal(log.filter(line => line.oidc === 'logout.backend').length, 2)
  t.notMatch(JSON.stringify(log), /a\.b\.c|d\.e\.f/, 'O226')
})

t.test('O020, W19: static/ has one file, and no way out', async t => {
  const { app } = await gate(t)
  t.match(await app.inject('/oauth2/static/page.css'), { statusCode: 200, headers: { 'content-type': 'text/css; charset=utf-8', 'cache-control': 'no-store' } })
  for (const path of ['', 'x.css', '../../etc/passwd', '%2e%2e/%2e%2e/etc/passwd', '..%2f..%2fetc%2fpasswd', 'page.css/', '__proto__']) t.notMatch((await app.inject(`/oauth2/static/${path}`)).statusCode, 200, path)
})

t.test('O025: all endpoints move with the prefix, below that of the scope', async t => {
  const { app } = await gate(t, { provider, endpoints: { prefix: '/_auth' } })
  t.equal(await statusOf(app, '/_auth/auth'), 401)
  t.equal(await statusOf(app, '/oauth2/start', { 'sec-fetch-mode': 'cors' }), 401, 'a path like any other')
  t.match((await app.inject('/_auth/sign_in?rd=/_auth/start')).body, 'href="/_auth/start?rd=%2F"')
  const outer = Fastify()
  t.teardown(async () => { await outer.close() })
  await outer.register(async scope => {
    await scope.register(oidc, optionsFor(OFFLINE, { redirect_uri: '/team/oauth2/callback' }))
    await scope.register(forwardAuth)
  }, { prefix: '/team' })
  t.equal(await statusOf(outer, '/team/oauth2/auth'), 401)
  t.match((await outer.inject('/team/oauth2/sign_in')).body, 'href="/team/oauth2/start?rd=%2Fteam"')
})

t.test('what does not fit together stops the boot', async t => {
  const boot = async (endpoints: object, core: object | null = {}): Promise<unknown> => {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    if (core !== null) await app.register(oidc, optionsFor(OFFLINE, { redirect_uri: '/oauth2/callback', ...core }))
    return await app.register(forwardAuth, endpoints as ForwardAuthOptions)
  }
  await t.rejects(boot({}, null), { code: 'FST_OIDC_FORWARD_AUTH_CORE_MISSING' })
  await t.rejects(boot({}, { redirect_uri: '/callback' }), { code: 'FST_OIDC_FORWARD_AUTH_CALLBACK_MISSING', message: /write redirect_uri: "\/oauth2\/callback"/ })
  await t.rejects(boot({ prefix: '/_auth' }), { code: 'FST_OIDC_FORWARD_AUTH_CALLBACK_MISSING' })
  await t.rejects(boot({ provider_nam: 'x', pass_access_token: 'yes' }), { code: 'FST_OIDC_OPTIONS_INVALID', message: /(?=[^]*provider_nam is not a known option; did you mean provider_name\?)(?=[^]*pass_access_token)/ })
  await t.rejects(boot({ pass_access_token: true, set_xauthrequest: false }), { message: /pass_access_token has a meaning only with set_xauthrequest/ })
  await t.rejects(boot({ backend_logout_url: 'http://[' }), { message: /backend_logout_url is not a URL/ })
})
