import t from 'tap'
import { Browser, login } from 'fastify-oidc-testing'
import { ORIGIN, toCallback } from './flow.ts'
import { optionsFor, protectedApp, testProvider } from './support.ts'

t.test('a browser without a session is sent to the provider and comes back to what it asked for', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const { response, browser } = await login(app, { path: '/echo/deep?q=1&r=%2F' })
  t.equal(response.status, 200)
  t.match(JSON.parse(response.body), { sub: 'alice', url: '/echo/deep?q=1&r=%2F' })
  const again = await browser.navigate('http://localhost/')
  t.equal(again.status, 200)
  t.equal(again.history.length, 1, 'the session is enough')
  t.equal(again.headers.getSetCookie().length, 0, 'an unchanged session sets no cookie')
})

// rows: client_id, scope
t.test('O044, O045, W8: the authorization request carries state, nonce and PKCE, and the attempt is one sealed cookie', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { scope: 'openid email', authorization_params: { prompt: 'consent', resource: ['urn:a', 'urn:b'] } }))
  const response = await app.inject({ url: '/' })
  t.equal(response.statusCode, 302)
  t.equal(response.headers['cache-control'], 'no-store')
  const location = new URL(String(response.headers.location))
  t.equal(location.origin + location.pathname, `${provider.issuer}/auth`)
  const query = location.searchParams
  t.match(Object.fromEntries(query), { client_id: provider.clientId, response_type: 'code', scope: 'openid email', redirect_uri: 'http://localhost:80/callback'.replace(':80', ''), code_challenge_method: 'S256', prompt: 'consent' })
  t.strictSame(query.getAll('resource'), ['urn:a', 'urn:b'])
  for (const name of ['state', 'nonce', 'code_challenge']) t.ok((query.get(name) ?? '').length >= 43, name)
  const [cookie, ...more] = [response.headers['set-cookie']].flat()
  t.equal(more.length, 0)
  t.match(cookie, /^oidc_tx_[\w-]{11}=[\w-]+\.[\w-]+; Max-Age=600; Path=\/; HttpOnly; SameSite=Lax$/)
  t.notMatch(cookie, String(query.get('nonce')))
})

// rows: unauth_action
t.test('what is not a navigation gets 401 with a challenge, not a redirect', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cases: Array<{ headers?: Record<string, string>, method?: 'POST' }> = [
    { headers: { 'sec-fetch-mode': 'cors' } },
    { headers: { 'x-requested-with': 'XMLHttpRequest' } },
    { headers: { accept: 'application/json' } },
    { method: 'POST' }
  ]
  for (const request of cases) {
    const response = await app.inject({ url: '/echo/x', ...request })
    t.equal(response.statusCode, 401, JSON.stringify(request))
    t.equal(response.headers['www-authenticate'], 'Bearer realm="apisix"')
    t.equal(response.headers['cache-control'], 'no-store')
    t.match(response.json(), { code: 'FST_OIDC_UNAUTHENTICATED', statusCode: 401 })
    t.equal(response.headers['set-cookie'], undefined)
  }
  t.equal((await app.inject({ url: '/', headers: { accept: '*/*' } })).statusCode, 302, 'plain curl is sent to the provider')
})

// rows: unauth_action
t.test('unauth_action deny answers 401, pass lets through without identity, and an open route asks nobody (S072, S073, S191, S192, S193)', async t => {
  const provider = await testProvider(t)
  for (const [action, status] of [['deny', 401], ['pass', 200]] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { unauth_action: action, security_profile: 'apisix' }))
    const answer = await app.inject({ url: '/echo/x', headers: { accept: 'text/html' } })
    t.equal(answer.statusCode, status, action)
    t.equal(answer.headers.location, undefined)
    t.equal(answer.headers['set-cookie'], undefined)
    if (action === 'pass') t.match(answer.json(), { sub: null, identity: {} })
    if (action === 'pass') t.strictSame(Object.keys(answer.json().identity), [], 'no access token either')
    t.strictSame((await app.inject('/open')).json(), { authenticated: false })
  }
})

t.test('S386: a form that is sent after the session ended comes back to its page, by GET, and without a page home', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix' }))
  for (const [referer, landed] of [[{ referer: 'http://localhost/echo/form?id=7' }, '/echo/form?id=7'], [{}, '/']] as const) {
    const response = await app.inject({ method: 'POST', url: '/echo/save', headers: { 'sec-fetch-mode': 'navigate', 'content-type': 'application/x-www-form-urlencoded', ...referer }, payload: 'a=1' })
    t.equal(response.statusCode, 303)
    const browser = new Browser().route(ORIGIN, app)
    browser.setCookies(ORIGIN, [response.headers['set-cookie'] ?? []].flat())
    const page = await browser.navigate(await toCallback(browser, new URL(String(response.headers.location))))
    t.equal(page.status, 200)
    t.match(JSON.parse(page.body), { sub: 'alice', url: landed })
  }
})

t.test('S442, S443: where the policy denies, nobody is sent to log in, and callback and logout still work', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { unauth_action: 'deny' }))
  app.get('/sign-in', { config: { oidc: { unauth_action: 'auth' } } }, async () => 'signed in')
  const denied = await app.inject('/')
  t.equal(denied.statusCode, 401)
  t.equal(denied.headers['www-authenticate'], 'Bearer realm="apisix"', 'a 401 has a challenge (RFC 9110, section 15.5.2)')
  t.equal(denied.headers.location, undefined)
  const browser = new Browser().route(ORIGIN, app)
  t.equal((await browser.navigate(`${ORIGIN}/sign-in`)).body, 'signed in')
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 200)
  t.equal((await browser.navigate(`${ORIGIN}/logout`, { from: `${ORIGIN}/`, follow: false })).status, 302)
  t.equal((await browser.navigate(`${ORIGIN}/`)).status, 401)
})
