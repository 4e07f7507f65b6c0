import t from 'tap'
import { Browser, login } from 'fastify-oidc-testing'
import { cookieAfter, isCleared, lyingProvider, movableClock, now, reissue, storedOf } from './session-parts.ts'
import { ORIGIN, toCallback } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

const DEFINITE = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required', 'access_denied']
const TABS = 20

// rows: force_reauthorize
t.test('with force_reauthorize each visit is a login, and the page that a login leads to is served once (S433)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { force_reauthorize: true }))
  const { response, browser } = await login(app, { path: '/echo/first?q=1' })
  t.equal(response.status, 200)
  for (const [round, path] of ['/echo/second', '/echo/second', '/echo/first?q=1'].entries()) {
    const before = provider.count('POST /token')
    const page = await browser.navigate(`${ORIGIN}${path}`)
    t.equal(page.status, 200, path)
    t.match(JSON.parse(page.body), { sub: 'alice', url: path })
    t.equal(provider.count('POST /token') - before, 1, `visit ${round + 2} is one login`)
  }
  t.equal(provider.errors.length, 0)
})

t.test('with force_reauthorize a page loads and sends what it needs with the session', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { force_reauthorize: true }))
  const { cookie } = await login(app)
  t.equal((await app.inject({ url: '/echo/x', headers: { cookie } })).statusCode, 302, 'a visit')
  const requests: Array<{ method?: 'POST', headers: Record<string, string> }> = [
    { headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } },
    { headers: { accept: 'application/json' } },
    { headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'same-origin' } },
    { method: 'POST', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'same-origin' } }
  ]
  for (const { headers, ...request } of requests) t.equal((await app.inject({ url: '/echo/x', ...request, headers: { cookie, ...headers } })).statusCode, 200, JSON.stringify(headers))
})

t.test('with force_reauthorize a login that is not fresh does for no visit, and the policy decides', async t => {
  const provider = await lyingProvider(t)
  for (const [action, status, sub] of [['deny', 401, undefined], ['pass', 200, null], ['auth', 302, undefined]] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { force_reauthorize: true, unauth_action: action }))
    const cookie = await app.oidc.issueCookie({ subject: 'alice', authenticatedAt: now() - 600 })
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, status, action)
    if (sub !== undefined) t.equal(answer.json().sub, sub)
    const fresh = await app.oidc.issueCookie({ subject: 'alice' })
    const visits = await Promise.all([1, 2, 3].map(async () => await app.inject({ url: '/', headers: { cookie: fresh } })))
    t.equal(visits.filter(visit => visit.statusCode === 200 && visit.json().sub === 'alice').length, 1, `${action}: of three visits at once one has the fresh login`)
  }
})

t.test('with force_reauthorize tabs that log in at once all get their pages', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { force_reauthorize: true }))
  const browser = new Browser().route(ORIGIN, app)
  const pages = await Promise.all(['a', 'b', 'c', 'd'].map(async tab => await browser.navigate(`${ORIGIN}/echo/${tab}`)))
  t.strictSame(pages.map(({ status, url }) => `${status} ${url.pathname}`), ['200 /echo/a', '200 /echo/b', '200 /echo/c', '200 /echo/d'])
})

// rows: refresh_session_interval
t.test('within refresh_session_interval a session is enough (S271), after it a visit logs in silently and comes back (S272)', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 100 }))
  const clock = movableClock(t)
  const { browser, cookie } = await login(app)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  clock.advance(101)
  const page = await browser.navigate(`${ORIGIN}/echo/deep?q=1&r=%2F`, {
    onRedirect: to => {
      if (to.pathname === '/auth') t.equal(to.searchParams.get('prompt'), 'none')
      return to
    }
  })
  t.equal(page.status, 200)
  t.match(JSON.parse(page.body), { sub: 'alice', url: '/echo/deep?q=1&r=%2F' })
  t.ok(page.history.some(({ url }) => url.origin === new URL(provider.issuer).origin), 'the provider was asked')
  const [before, after] = [await storedOf(app, cookie), await storedOf(app, browser.cookieHeader(ORIGIN))]
  t.not(after.session.id, before.session.id)
  t.ok(after.session.authenticatedAt >= before.session.authenticatedAt + 2, 'the interval counts from this login now')
  t.equal((await browser.navigate(`${ORIGIN}/`)).history.length, 1)
})

// rows: refresh_session_interval
t.test('a silent login is for visits alone: what scripts, forms and frames send goes with the session (S434)', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60 }))
  const cookie = await app.oidc.issueCookie({ subject: 'alice', authenticatedAt: now() - 61 })
  const requests: Array<{ method?: 'POST' | 'HEAD', headers?: Record<string, string> }> = [
    { method: 'POST', headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'same-origin' } },
    { method: 'HEAD' },
    { headers: { 'sec-fetch-mode': 'cors' } },
    { headers: { 'x-requested-with': 'XMLHttpRequest' } },
    { headers: { accept: 'application/json' } },
    { headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' } }
  ]
  for (const { headers, ...request } of requests) t.equal((await app.inject({ url: '/echo/x', ...request, headers: { cookie, ...headers } })).statusCode, 200, JSON.stringify(request))
  t.equal((await app.inject({ url: '/echo/x', headers: { cookie } })).statusCode, 302)
})

t.test('of tabs that come back at once, one logs in silently and the others are served', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60 }))
  const cookie = await app.oidc.issueCookie({ subject: 'alice', authenticatedAt: now() - 61 })
  const answers = await Promise.all(Array.from({ length: TABS }, async (_, tab) => await app.inject({ url: `/echo/${tab}`, headers: { cookie } })))
  t.equal(answers.filter(({ statusCode }) => statusCode === 302).length, 1)
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, TABS - 1)
})

t.test('authorization_params.prompt goes before prompt=none', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60, authorization_params: { prompt: 'login' } }))
  const cookie = await app.oidc.issueCookie({ authenticatedAt: now() - 61 })
  const { location } = (await app.inject({ url: '/', headers: { cookie } })).headers
  t.strictSame(new URL(String(location)).searchParams.getAll('prompt'), ['login'])
})

// rows: refresh_session_interval
t.test('S389: a silent login that the provider refuses ends the session, and the policy decides: a login that is seen, not a loop', async t => {
  for (const error of DEFINITE) {
    const provider = await lyingProvider(t)
    const application = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60 }))
    const { app } = application
    const { browser, cookie } = await login(app)
    const old = await reissue(app, cookie, { authenticatedAt: now() - 61 })
    browser.setCookies(ORIGIN, old.split('; ').map(pair => `${pair}; Path=/`))
    const start = await browser.navigate(`${ORIGIN}/echo/x`, { follow: false })
    t.equal(start.location?.searchParams.get('prompt'), 'none', error)
    provider.lie({ callback: { kind: 'error', error } })
    const answer = await toCallback(browser, start.location as URL)
    provider.lie()
    const back = await browser.navigate(answer, { follow: false })
    t.equal(back.status, 302)
    t.equal(back.location?.href, `${ORIGIN}/echo/x`)
    t.equal((await app.inject({ url: '/', headers: { cookie: old, accept: 'application/json' } })).statusCode, 401, 'a copy of the cookie is dead too')
    const next = await browser.navigate(`${ORIGIN}/echo/x`, { follow: false })
    t.equal(next.status, 302)
    t.notOk(next.location?.searchParams.has('prompt'), 'the login that follows is seen')
    t.equal((await browser.navigate(next.location as URL)).status, 200)
    t.equal(application.log.filter(line => line.oidc === 'session.over').length, 1)
  }
})

t.test('where the policy denies, a refused silent login leaves 401', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60, unauth_action: 'deny' }))
  const cookie = await app.oidc.issueCookie({ authenticatedAt: now() - 61 })
  const browser = new Browser().route(ORIGIN, app)
  browser.setCookies(ORIGIN, [`${cookie}; Path=/`])
  provider.lie({ callback: { kind: 'error', error: 'login_required' } })
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 401)
})

t.test('an application that refuses the user at a silent login ends the session', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60, hooks: { onLogin: () => { throw new Error('no more') } } }))
  const cookie = await app.oidc.issueCookie({ authenticatedAt: now() - 61 })
  const browser = new Browser().route(ORIGIN, app)
  browser.setCookies(ORIGIN, [`${cookie}; Path=/`])
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 403, 'by the login that follows')
  t.equal((await app.inject({ url: '/', headers: { cookie, accept: 'application/json' } })).statusCode, 401)
})

t.test('a silent login that an outage spoils keeps the session, and is not tried again at once', async t => {
  for (const lies of [{ callback: { kind: 'error', error: 'temporarily_unavailable' } }, { callback: { kind: 'error', error: 'server_error' } }, { failures: { token: 'server_error' } }, { failures: { token: 'invalid_grant' } }] as const) {
    const provider = await lyingProvider(t)
    const { app, log } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 100 }))
    const { browser, cookie } = await login(app)
    movableClock(t).advance(101)
    provider.lie(lies)
    const before = provider.count('authorize')
    const page = await browser.navigate(`${ORIGIN}/echo/x?q=1`)
    t.equal(page.status, 200, JSON.stringify(lies))
    t.match(JSON.parse(page.body), { sub: 'alice', url: '/echo/x?q=1' })
    t.equal((await browser.navigate(`${ORIGIN}/echo/y`)).history.length, 1)
    t.equal(provider.count('authorize') - before, 1)
    t.equal((await storedOf(app, browser.cookieHeader(ORIGIN))).session.id, (await storedOf(app, cookie)).session.id)
    t.equal(log.filter(line => line.oidc === 'silent.failed' && line.level === 40).length, 1)
  }
})

t.test('a provider that was never reached takes no page from who has a session', async t => {
  const { app, log } = await protectedApp(t, optionsFor({ clientId: 'app', clientSecret: 'a secret', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }, { refresh_session_interval: 60 }))
  const cookie = await app.oidc.issueCookie({ subject: 'alice', authenticatedAt: now() - 61 })
  const answer = await app.inject({ url: '/', headers: { cookie } })
  t.equal(answer.statusCode, 200)
  t.equal(answer.json().sub, 'alice')
  t.equal(log.filter(line => line.oidc === 'silent.failed').length, 1)
})

t.test('a refusal that comes after another login ends nothing', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60 }))
  const old = await app.oidc.issueCookie({ authenticatedAt: now() - 61 })
  const start = await app.inject({ url: '/echo/x', headers: { cookie: old } })
  const attempt = cookieAfter(start).split('; ').find(pair => pair.includes('_tx_')) ?? ''
  const newer = await app.oidc.issueCookie({ subject: 'alice', authenticatedAt: now() + 1 })
  const state = new URL(String(start.headers.location)).searchParams.get('state') ?? ''
  const back = await app.inject({ url: `/callback?error=login_required&state=${state}&iss=${encodeURIComponent(provider.issuer)}`, headers: { cookie: `${newer}; ${attempt}` } })
  t.equal(back.statusCode, 302)
  t.equal(back.headers.location, '/echo/x')
  t.notOk(isCleared(back))
  t.equal((await app.inject({ url: '/', headers: { cookie: newer } })).statusCode, 200)
})

t.test('an answer login_required to a login that was not silent is still refused', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { refresh_session_interval: 60 }))
  provider.lie({ callback: { kind: 'error', error: 'login_required' } })
  const page = await new Browser().route(ORIGIN, app).navigate(`${ORIGIN}/`)
  t.equal(page.status, 502)
  t.match(page.body, 'FST_OIDC_LOGIN_REFUSED')
})
