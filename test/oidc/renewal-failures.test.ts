import t from 'tap'
import oidc from 'fastify-oidc'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { login } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp } from './support.ts'
import { cookieAfter, isCleared, loginWithToken, lyingProvider, now, reissue, setCookies, storedOf } from './session-parts.ts'

t.test('a logout wins over a renewal that is under way', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  const gate = provider.hold('refresh')
  const held = Promise.all([0, 1, 2].map(async () => await app.inject({ url: '/echo/x', headers: { cookie, 'sec-fetch-mode': 'cors' } })))
  await gate.reached
  const logout = await app.inject({ url: '/logout', headers: { cookie } })
  t.equal(logout.statusCode, 302)
  t.ok(isCleared(logout))
  gate.open()
  for (const answer of await held) {
    t.equal(answer.statusCode, 401, 'the result of the renewal serves nobody')
    t.notOk(cookieAfter(answer, cookie).includes('oidc='), 'and brings no cookie back')
  }
  t.equal((await app.inject({ url: '/', headers: { cookie, 'sec-fetch-mode': 'cors' } })).statusCode, 401, 'a copy of the old cookie is dead')
  t.equal(provider.count('refresh'), 1)
})

t.test('O185, S268: a refused refresh ends the session: the cookie goes and the policy decides', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  provider.lie({ failures: { refresh: 'invalid_grant' } })
  const answer = await app.inject({ url: '/echo/page?a=1', headers: { cookie } })
  t.equal(answer.statusCode, 302)
  t.equal(new URL(String(answer.headers.location)).pathname, '/authorize')
  t.ok(isCleared(answer))
  t.equal(log.filter(line => line.oidc === 'session.over').length, 1)
  provider.lie()
  t.equal((await app.inject({ method: 'POST', url: '/echo/x', headers: { cookie } })).statusCode, 401, 'it is over for copies as well')
  t.equal(provider.count('refresh'), 1)
})

t.test('S270, S400: a renewed ID token of somebody else, or one that does not hold, ends the session', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider))
  for (const lies of [{ refresh: 'wrong_subject' }, { idToken: 'bad_signature' }, { idToken: 'alg_none' }, { idToken: 'wrong_audience' }] as const) {
    provider.lie()
    const cookie = await loginWithToken(app)
    provider.lie(lies)
    const answer = await app.inject({ url: '/echo/x', headers: { cookie, 'sec-fetch-mode': 'cors' } })
    t.equal(answer.statusCode, 401, JSON.stringify(lies))
    t.ok(isCleared(answer))
    t.notMatch(answer.body, /mallory|signature|subject/)
  }
  t.notMatch(JSON.stringify(log), /access-[0-9a-f]{8}-|refresh-[0-9a-f]{8}-/, 'no token is logged')
})

t.test('O186, S401: an outage of the provider while the token lives is a warning, and later requests do not wait for it', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { access_token_expires_leeway: 60, timeout: 1 }))
  const cookie = await loginWithToken(app, 30)
  provider.lie({ failures: { refresh: 'hang' } })
  const first = await app.inject({ url: '/echo/x', headers: { cookie } })
  t.equal(first.statusCode, 200)
  t.ok((first.json().identity as Record<string, string>)['x-access-token'], 'the token that lives serves on')
  const started = performance.now()
  for (let request = 0; request < 20; request++) t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  t.ok(performance.now() - started < 900, 'none of them waits for the provider')
  t.equal(provider.count('refresh'), 1)
  const warnings = log.filter(line => line.oidc === 'renewal.failed')
  t.equal(warnings.length, 1)
  t.equal(warnings[0]?.level, 40)
  t.match(warnings[0]?.msg, /did not answer in time/)
  t.equal(setCookies(first).length, 0)
})

// rows: renew_access_token_on_expiry
t.test('S401: an outage with a dead token is 503 with Retry-After, and the cookie stays', async t => {
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { timeout: 1 }))
  const cookie = await loginWithToken(app)
  for (const failure of ['server_error', 'reset', 'stall'] as const) {
    provider.lie({ failures: { refresh: failure } })
    const answer = await app.inject({ url: '/echo/x', headers: { cookie, 'sec-fetch-mode': 'cors' } })
    t.equal(answer.statusCode, 503, failure)
    t.equal(answer.headers['retry-after'], '5', failure)
    t.equal(answer.headers['cache-control'], 'no-store')
    t.equal(setCookies(answer).length, 0, 'the cookie stays')
  }
  const page = await app.inject({ url: '/echo/x?y=1', headers: { cookie, accept: 'text/html' } })
  t.match(page.headers['content-type'], /text\/html/)
  t.match(page.body, /href="\/echo\/x\?y=1"/, 'a person can try again')
  t.ok(log.some(line => line.level === 50 && line.code === 'FST_OIDC_PROVIDER_UNAVAILABLE'))
  provider.lie()
  const later = await app.inject({ url: '/', headers: { cookie } })
  t.equal(later.statusCode, 200, 'it goes on as soon as the provider is back')
  t.equal(provider.reused.refreshToken, 0)
})

t.test('an answer that cannot be read is 502, and the cookie stays', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  for (const failure of ['huge', 'not_json'] as const) {
    provider.lie()
    const cookie = await loginWithToken(app)
    provider.lie({ failures: { refresh: failure } })
    const answer = await app.inject({ url: '/echo/x', headers: { cookie, 'sec-fetch-mode': 'cors' } })
    t.equal(answer.statusCode, 502, failure)
    t.equal(setCookies(answer).length, 0)
  }
})

t.test('50 requests with a dead token at a provider that is down share one attempt', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  provider.lie({ failures: { refresh: 'server_error' } })
  const gate = provider.hold('refresh')
  const answers = Promise.all(Array.from({ length: 50 }, async () => await app.inject({ url: '/', headers: { cookie, 'sec-fetch-mode': 'cors' } })))
  await gate.reached
  gate.open()
  t.strictSame(new Set((await answers).map(({ statusCode }) => statusCode)), new Set([503]))
  t.equal(provider.count('refresh'), 1)
})

t.test('a session whose token lives opens while the provider is gone', async t => {
  const provider = await lyingProvider(t)
  const options = optionsFor(provider)
  const { app } = await protectedApp(t, options)
  const { cookie } = await login(app)
  provider.lie({ failures: { discovery: 'server_error' } })
  const restarted = await protectedApp(t, options)
  t.equal((await restarted.app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'also on an instance that never reached it')
})

t.test('an upgrade does not renew: due goes on with the token, dead is 401 unless a request has renewed', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { access_token_expires_leeway: 60 }))
  const upgrade = { upgrade: 'websocket', connection: 'Upgrade', origin: 'http://localhost', 'sec-fetch-site': 'same-origin' }
  const due = await loginWithToken(app, 30)
  const going = await app.inject({ url: '/echo/ws', headers: { ...upgrade, cookie: due } })
  t.equal(going.statusCode, 200)
  t.equal(setCookies(going).length, 0)
  const dead = await reissue(app, due, { accessTokenExpiresAt: now() - 5 })
  const refused = await app.inject({ url: '/echo/ws', headers: { ...upgrade, cookie: dead } })
  t.equal(refused.statusCode, 401)
  t.equal(setCookies(refused).length, 0, 'the cookie stays: a request can still renew it')
  t.equal(provider.count('refresh'), 0)
  const renewed = cookieAfter(await app.inject({ url: '/', headers: { cookie: dead } }), dead)
  t.equal(provider.count('refresh'), 1)
  const late = await app.inject({ url: '/echo/ws', headers: { ...upgrade, cookie: dead } })
  t.equal(late.statusCode, 200, 'with the old cookie it gets what the request renewed')
  t.equal((late.json().identity as Record<string, string>)['x-access-token'], (await storedOf(app, renewed)).session.accessToken)
  t.equal(setCookies(late).length, 0)
  t.equal(provider.count('refresh'), 1)
})

t.test('a client that the provider no longer knows keeps its sessions, with 502', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  const other = await protectedApp(t, optionsFor({ ...provider, clientSecret: 'a secret that is not right any more' }))
  const answer = await other.app.inject({ url: '/', headers: { cookie, 'sec-fetch-mode': 'cors' } })
  t.equal(answer.statusCode, 502)
  t.match(answer.json(), { code: 'FST_OIDC_CLIENT_REFUSED' })
  t.equal(setCookies(answer).length, 0)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
})

t.test('who waits for a holder that died waits for the next one too', async t => {
  const real = performance.now.bind(performance)
  let aheadMs = 0
  performance.now = () => real() + aheadMs
  t.teardown(() => { performance.now = real })
  const provider = await lyingProvider(t)
  const coordinator = createProcessCoordinator()
  const application = createApplication(t)
  let waits = 0
  let lifeMs = 0
  application.app.decorate('oidcSessionCoordinator', {
    ...coordinator,
    async lock (key: string, ttlMs: number) {
      lifeMs = ttlMs
      return waits < 2 ? null : await coordinator.lock(key, ttlMs)
    },
    async waitForRelease (_key: string, maxMs: number) {
      // At first nobody releases it; then another got it, who does.
      if (waits++ === 0) aheadMs += Math.min(lifeMs, maxMs)
    }
  })
  await application.app.register(oidc, optionsFor(provider))
  application.app.get('/', async request => request.oidc.claims)
  const cookie = await loginWithToken(application.app)
  const answer = await application.app.inject({ url: '/', headers: { cookie, 'sec-fetch-mode': 'cors' } })
  t.equal(answer.statusCode, 200)
  t.equal(waits, 2)
})
