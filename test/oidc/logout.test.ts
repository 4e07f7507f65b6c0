import t from 'tap'
import oidc from 'fastify-oidc'
import { login, withIdentity } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp, testProvider } from './support.ts'
import { isCleared, loginWithToken, lyingProvider, setCookies, storedOf } from './session-parts.ts'

const script = { 'sec-fetch-mode': 'cors' }

// rows: post_logout_redirect_uri, logout_path
t.test('a logout ends the session here and at the provider, by GET and by POST (S145, S360, S364, S446)', async t => {
  const provider = await testProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { post_logout_redirect_uri: '/goodbye' }))
  app.get('/goodbye', { config: { oidc: false } }, async () => 'goodbye')
  for (const [method, status] of [['GET', 302], ['POST', 303]] as const) {
    const { browser, cookie } = await login(app)
    const { session } = await storedOf(app, cookie)
    const first = await browser.navigate('http://localhost/logout', { method, follow: false, from: 'http://localhost/' })
    t.equal(first.status, status)
    t.equal(first.headers.get('cache-control'), 'no-store')
    const location = first.location as URL
    t.equal(`${location.origin}${location.pathname}`, `${provider.issuer}/session/end`)
    t.strictSame(Object.fromEntries(location.searchParams), { id_token_hint: session.cold.idToken, client_id: provider.clientId, post_logout_redirect_uri: 'http://localhost/goodbye' })
    t.strictSame(browser.cookies('http://localhost/'), [], 'the cookie is gone')
    const back = await browser.navigate(location, { from: 'http://localhost/' })
    t.equal(back.body, 'goodbye', 'and the provider sends the browser back')
    t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401, 'a copy of the cookie is dead')
    t.match(log.findLast(line => line.oidc === 'logout'), { level: 30, sessionId: session.id })
  }
})

// rows: logout_path, post_logout_redirect_uri
t.test('without a session there is nothing to end, and the way to the provider is the same (S147, S383)', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { post_logout_redirect_uri: 'https://www.example.test/bye?a=1' }))
  const answer = await app.inject('/logout')
  t.equal(answer.statusCode, 302)
  t.strictSame(Object.fromEntries(new URL(String(answer.headers.location)).searchParams), { client_id: 'app', post_logout_redirect_uri: 'https://www.example.test/bye?a=1' })
  t.equal(setCookies(answer).length, 0)
  const junk = await app.inject({ url: '/logout?x=1', headers: { cookie: 'oidc=junk; oidc_1=junk; other=1' } })
  t.equal(junk.statusCode, 302)
  t.strictSame(setCookies(junk).map(line => line.split('=')[0]), ['oidc', 'oidc_1'], 'what is called like ours goes')
  t.equal((await app.inject({ method: 'DELETE', url: '/logout', headers: script })).statusCode, 401, 'other methods are no logout')
  for (const url of ['/x//logout', '/a//b/logout', '/a/logout', '/logout/']) t.equal((await app.inject({ url, headers: script })).statusCode, 401, `nor is ${url}`)
})

// rows: logout_path
t.test('logout_path is the path of the logout, whatever its query, and no other path is', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { logout_path: '/account/bye' }))
  const { cookie } = await login(app)
  for (const url of ['/logout', '/account/bye/', '/account/bye/x', '/account//bye', '/x//account/bye', '/Account/Bye']) {
    t.not((await app.inject({ url, headers: { cookie } })).statusCode, 302, url)
    t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, `${url} ends nothing`)
  }
  const answer = await app.inject({ url: '/account/bye?x=1', headers: { cookie } })
  t.equal(answer.statusCode, 302)
  t.match(String(answer.headers.location), `${provider.issuer}/`)
  t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
})

// rows: post_logout_redirect_uri
t.test('a provider without an end_session_endpoint: the logout is here, and says so (S146, S353, S371, S382)', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ discovery: { end_session_endpoint: undefined } })
  const { app } = await protectedApp(t, optionsFor(provider))
  const { browser, cookie } = await login(app)
  const page = await browser.navigate('http://localhost/logout')
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /text\/html/)
  t.match(page.headers.get('content-security-policy'), /default-src 'none'/)
  t.match(page.body, /signed out/i)
  t.match(page.headers.getSetCookie(), [/^oidc=; Max-Age=0;/])
  t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
  const elsewhere = await protectedApp(t, optionsFor(provider, { post_logout_redirect_uri: '/goodbye' }))
  for (const url of ['/logout', '/logout?x=1']) {
    const answer = await elsewhere.app.inject(url)
    t.equal(answer.headers.location, 'http://localhost/goodbye', url)
  }
  const nobody = await app.inject('/logout')
  t.equal(nobody.statusCode, 200)
  t.match(nobody.body, /signed out/i)
  t.equal(setCookies(nobody).length, 0)
})

t.test('S354, S355: whatever a browser would like to see, a logout answers the same', async t => {
  const accepts = ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8', 'image/png', 'image/png,text/html;q=0.1', '*/*']
  for (const status of [302, 200]) {
    const provider = await lyingProvider(t)
    if (status === 200) provider.lie({ discovery: { end_session_endpoint: undefined } })
    const { app } = await protectedApp(t, optionsFor(provider))
    for (const accept of accepts) {
      const { cookie } = await login(app)
      const answer = await app.inject({ url: '/logout', headers: { cookie, accept } })
      t.equal(answer.statusCode, status, accept)
      t.ok(isCleared(answer))
      t.equal(answer.headers['cache-control'], 'no-store')
      if (status === 200) t.match(answer.headers['content-type'], /text\/html/)
      else t.match(answer.headers.location, `${provider.issuer}/end_session?`)
    }
  }
})

t.test('a provider that is down keeps nobody logged in', async t => {
  const provider = await lyingProvider(t)
  const options = optionsFor(provider, { revoke_tokens_on_logout: true, timeout: 1 })
  const reached = await protectedApp(t, options)
  const { cookie } = await login(reached.app)
  provider.lie({ failures: { discovery: 'reset', revocation: 'hang' } })
  const { app, log } = await protectedApp(t, { ...options, authorization_endpoint: `${provider.issuer}/authorize` })
  const answer = await app.inject({ url: '/logout', headers: { cookie } })
  t.equal(answer.statusCode, 200)
  t.ok(isCleared(answer))
  t.equal((await reached.app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
  t.ok(log.some(line => line.oidc === 'logout.provider' && line.level === 40))
  t.equal(provider.count('revocation'), 0)
})

// rows: logout_path
t.test('S445: another site cannot log anybody out: a page asks, and its form does it', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const { browser, cookie } = await login(app)
  const ask = await browser.navigate('http://localhost/logout', { from: 'https://evil.example/', follow: false })
  t.equal(ask.status, 200)
  t.equal(ask.headers.get('cache-control'), 'no-store')
  t.equal(ask.headers.get('referrer-policy'), 'strict-origin', 'or the form would be sent with Origin: null')
  t.match(ask.headers.get('content-security-policy'), /frame-ancestors 'none'/)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'the session lives')
  t.equal((await app.inject({ method: 'POST', url: '/logout', headers: { cookie, origin: 'https://evil.example' } })).statusCode, 200)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'a foreign form does not do it either')
  const done = await browser.submit(ask, {}, { follow: false })
  t.equal(done.status, 303)
  t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
  const old = await login(app)
  const oldBrowser = await app.inject({ method: 'POST', url: '/logout', headers: { cookie: old.cookie, origin: 'http://localhost', host: 'localhost' } })
  t.equal(oldBrowser.statusCode, 303, 'a browser without Sec-Fetch-Site is told by its Origin')
})

t.test('S445: under apisix a link of another site logs out, as the table has it', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { security_profile: 'apisix' }))
  const { browser } = await login(app)
  const answer = await browser.navigate('http://localhost/logout', { from: 'https://evil.example/', follow: false })
  t.equal(answer.status, 302)
  t.strictSame(browser.cookies('http://localhost/'), [])
})

// rows: revoke_tokens_on_logout
t.test('S368, S370: revoke_tokens_on_logout revokes both tokens, and a failure is a warning', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { revoke_tokens_on_logout: true }))
  const logoutOf = async (): Promise<number> => (await app.inject({ url: '/logout', headers: { cookie: (await login(app)).cookie } })).statusCode
  t.equal(await logoutOf(), 302)
  t.equal(provider.count('revocation'), 2)
  provider.lie({ failures: { revocation: 'server_error' } })
  t.equal(await logoutOf(), 302)
  t.equal(provider.count('revocation'), 4, 'the second is tried although the first failed')
  t.equal(log.filter(line => line.oidc === 'logout.provider').length, 1)
  const off = await protectedApp(t, optionsFor(provider))
  const before = provider.count('revocation')
  await off.app.inject({ url: '/logout', headers: { cookie: (await login(off.app)).cookie } })
  t.equal(provider.count('revocation'), before, 'off: nothing is revoked')
})

// rows: revoke_tokens_on_logout
t.test('tokens that a real provider revoked are worthless there', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { revoke_tokens_on_logout: true }))
  const { cookie } = await login(app)
  const { session } = await storedOf(app, cookie)
  const userinfo = async (): Promise<number> => (await fetch(`${provider.issuer}/me`, { headers: { authorization: `Bearer ${session.accessToken ?? ''}` } })).status
  t.equal(await userinfo(), 200)
  t.equal((await app.inject({ url: '/logout', headers: { cookie } })).statusCode, 302)
  t.equal(await userinfo(), 401)
})

t.test('fastify.oidc.logout logs out from a route of the application', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(provider))
  app.get('/', async () => 'answered')
  app.post('/leave', async (request, reply) => await app.oidc.logout(request, reply))
  const { cookie } = await login(app)
  const answer = await app.inject({ method: 'POST', url: '/leave', headers: { cookie } })
  t.equal(answer.statusCode, 303)
  t.ok(isCleared(answer))
  t.equal((await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode, 401)
})

// rows: logout_path
t.test('in a scope with a prefix the logout lies under it, and beside it another scope has its own', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  for (const prefix of ['/a', '/b']) {
    await app.register(async scope => {
      await scope.register(oidc, { ...optionsFor({ ...provider, clientId: `app${prefix}` }), redirect_uri: `${prefix}/callback` })
      scope.get('/', async () => 'answered')
      scope.get('/cookie', { config: { oidc: false } }, async () => (await withIdentity(scope, { sub: 'alice' })).cookie)
    }, { prefix })
  }
  const [a, b] = [(await app.inject('/a/cookie')).body, (await app.inject('/b/cookie')).body]
  const cookie = `${a}; ${b}`
  t.equal((await app.inject({ url: '/a/logout', headers: { cookie } })).statusCode, 302)
  t.equal((await app.inject({ url: '/a', headers: { cookie, ...script } })).statusCode, 401)
  t.equal((await app.inject({ url: '/b', headers: { cookie } })).statusCode, 200, 'the other one is not touched')
  t.equal((await app.inject({ url: '/logout', headers: { cookie } })).statusCode, 404)
})

t.test('a logout with the old cookie ends the renewed session as well', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const old = await loginWithToken(app)
  const renewed = setCookies(await app.inject({ url: '/', headers: { cookie: old } }))[0]?.split(';')[0] ?? ''
  t.equal((await app.inject({ url: '/', headers: { cookie: renewed } })).statusCode, 200)
  await app.inject({ url: '/logout', headers: { cookie: old } })
  t.equal((await app.inject({ url: '/', headers: { cookie: renewed, ...script } })).statusCode, 401)
})
