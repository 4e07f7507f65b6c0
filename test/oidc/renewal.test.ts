import t from 'tap'
import oidc from 'fastify-oidc'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { login } from 'fastify-oidc-testing'
import { createApplication, optionsFor, protectedApp, SECRET, testProvider } from './support.ts'
import { cookieAfter, loginWithToken, lyingProvider, movableClock, now, reissue, setCookies, storedOf } from './session-parts.ts'

const PARALLEL = 50
/** Of the lying provider's access tokens, in seconds. */
const TOKEN_LIFE = 300

// rows: renew_access_token_on_expiry
t.test('O188, S398, S399: 50 requests at once with a dead access token make one refresh, at a provider whose refresh tokens serve once', async t => {
  const provider = await testProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  const before = provider.count('POST /token')
  const answers = await Promise.all(Array.from({ length: PARALLEL }, async (_, index) => await app.inject({ url: `/echo/${index}`, headers: { cookie } })))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(provider.count('POST /token') - before, 1)
  const tokens = new Set(answers.map(answer => (answer.json().identity as Record<string, string>)['x-access-token']))
  t.equal(tokens.size, 1, 'all of them are told the new token')
  const renewed = cookieAfter(answers[0] as never, cookie)
  t.not(renewed, cookie)
  t.not((await storedOf(app, renewed)).session.cold.refreshToken, (await storedOf(app, cookie)).session.cold.refreshToken)
  for (const answer of answers) t.equal(setCookies(answer).length, 1, 'each answer carries the new session, as any of them may be the last to arrive')
  const again = await app.inject({ url: '/echo/new', headers: { cookie: renewed } })
  t.equal(again.statusCode, 200)
  t.equal(setCookies(again).length, 0)
  t.equal(provider.count('POST /token') - before, 1)
})

t.test('over real time and a socket: a token of one second, 50 requests after it', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { expires_in: 1 } })
  const { app } = await protectedApp(t, optionsFor(provider))
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  const { cookie } = await login(app, { origin, path: '/open' })
  const start = await login(app, { origin })
  t.equal(cookie, '', 'the open route asked for no login')
  const { session: { accessTokenExpiresAt } } = await storedOf(app, start.cookie)
  await new Promise(resolve => { setTimeout(resolve, ((accessTokenExpiresAt ?? 0) - Date.now() / 1000) * 1000 + 20) })
  // The token that follows lives on, however long the 50 take.
  provider.lie({})
  const before = provider.count('refresh')
  const answers = await Promise.all(Array.from({ length: PARALLEL }, async () => await fetch(`${origin}/`, { headers: { cookie: start.cookie } })))
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.equal(provider.count('refresh') - before, 1)
  t.equal(provider.reused.refreshToken, 0)
})

t.test('O188: requests that come late with an old cookie, several generations old, spend no token twice', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const generations = [await loginWithToken(app)]
  const clock = movableClock(t)
  for (let generation = 0; generation < 4; generation++) {
    clock.advance(TOKEN_LIFE)
    const cookie = generations.at(-1) as string
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, 200)
    generations.push(cookieAfter(answer, cookie))
  }
  t.equal(provider.count('refresh'), 4)
  const newest = generations.at(-1) as string
  t.equal((await app.inject({ url: '/', headers: { cookie: newest } })).statusCode, 200, 'the browser has shown the newest')
  for (const cookie of generations.slice(0, -1)) {
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, 200)
    t.equal((await storedOf(app, cookieAfter(answer, cookie))).session.accessToken, (await storedOf(app, newest)).session.accessToken)
  }
  t.equal(provider.count('refresh'), 4)
  t.equal(provider.reused.refreshToken, 0)
})

t.test('late requests of several generations at once, while the newest token is dead too, share one refresh', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const clock = movableClock(t)
  const oldest = await loginWithToken(app)
  const middle = cookieAfter(await app.inject({ url: '/', headers: { cookie: oldest } }), oldest)
  clock.advance(TOKEN_LIFE)
  const newest = cookieAfter(await app.inject({ url: '/', headers: { cookie: middle } }), middle)
  clock.advance(TOKEN_LIFE)
  const answers = await Promise.all([oldest, newest, middle, oldest, middle, newest].map(async cookie => await app.inject({ url: '/', headers: { cookie } })))
  t.strictSame(answers.map(({ statusCode }) => statusCode), [200, 200, 200, 200, 200, 200])
  t.equal(provider.count('refresh'), 3)
  t.equal(provider.reused.refreshToken, 0)
})

t.test('two applications of one process that serve the same sessions agree on one refresh', async t => {
  const provider = await lyingProvider(t)
  const options = optionsFor(provider)
  const one = await protectedApp(t, options)
  const other = await protectedApp(t, options)
  const cookie = await loginWithToken(one.app)
  await other.app.ready()
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, index) => await (index % 2 === 0 ? one : other).app.inject({ url: '/', headers: { cookie } })))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(provider.count('refresh'), 1)
})

t.test('O192: however slow the provider is, the lock is held for longer than it is waited for', async t => {
  const provider = await lyingProvider(t)
  const coordinator = createProcessCoordinator()
  const lives: number[] = []
  const { app } = createApplication(t)
  app.decorate('oidcSessionCoordinator', { ...coordinator, lock: async (key: string, ttlMs: number) => { lives.push(ttlMs); return await coordinator.lock(key, ttlMs) } })
  await app.register(oidc, optionsFor(provider, { timeout: 7 }))
  app.get('/', async request => ({ sub: request.oidc.claims?.sub ?? null }))
  const cookie = await loginWithToken(app)
  const gate = provider.hold('refresh')
  const answers = Array.from({ length: 20 }, async () => await app.inject({ url: '/', headers: { cookie } }))
  await gate.reached
  t.ok(lives.length > 0 && lives.every(life => life > 7000), String(lives))
  gate.open()
  t.strictSame(new Set((await Promise.all(answers)).map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(provider.count('refresh'), 1)
})

// rows: access_token_expires_leeway
t.test('within the leeway one request renews, and the others go on with the token that lives', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { access_token_expires_leeway: 60 }))
  const cookie = await loginWithToken(app, 30)
  const gate = provider.hold('refresh')
  const first = app.inject({ url: '/', headers: { cookie } })
  await gate.reached
  const meanwhile = await app.inject({ url: '/', headers: { cookie } })
  t.equal(meanwhile.statusCode, 200, 'answered while the provider thinks')
  t.equal(setCookies(meanwhile).length, 0)
  gate.open()
  t.equal(setCookies(await first).length, 1)
  const late = await app.inject({ url: '/', headers: { cookie } })
  t.equal(late.statusCode, 200)
  t.equal(setCookies(late).length, 1, 'a late one learns of the new session')
  t.equal(provider.count('refresh'), 1)
  t.equal(provider.reused.refreshToken, 0)
})

// rows: access_token_expires_leeway
t.test('S397: a leeway longer than the life of the tokens is not a refresh at each request', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { access_token_expires_leeway: 600 }))
  let cookie = (await login(app)).cookie
  const before = provider.count('refresh')
  for (let request = 0; request < 10; request++) {
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, 200)
    cookie = cookieAfter(answer, cookie)
  }
  t.ok(provider.count('refresh') - before <= 1, `${provider.count('refresh') - before} refreshes in 10 requests`)
})

t.test('S396: without a leeway a token is renewed in its last second, and not before', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { expires_in: 3600 } })
  const { app } = await protectedApp(t, optionsFor(provider, { session: { secret: SECRET, cookie: { lifetime: 7200 } } }))
  const { cookie } = await login(app)
  const { session: { accessTokenExpiresAt, authenticatedAt } } = await storedOf(app, cookie)
  t.ok((accessTokenExpiresAt ?? 0) - authenticatedAt <= 3600 && (accessTokenExpiresAt ?? 0) - authenticatedAt >= 3598, 'counted from before the token was asked for')
  const clock = movableClock(t)
  clock.advance(3595)
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  t.equal(provider.count('refresh'), 0)
  clock.advance((accessTokenExpiresAt ?? 0) - 1 - now())
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  t.equal(provider.count('refresh'), 1)
})

t.test('O189: a provider that gives the same refresh token again is renewed from many times', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const clock = movableClock(t)
  const first = await loginWithToken(app)
  provider.lie({ refresh: 'without_rotation' })
  const tokens = new Set<string | null>()
  let cookie = first
  for (let renewal = 1; renewal <= 4; renewal++) {
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, 200)
    cookie = cookieAfter(answer, cookie)
    tokens.add((await storedOf(app, cookie)).session.accessToken)
    t.equal(provider.count('refresh'), renewal)
    clock.advance(TOKEN_LIFE)
  }
  t.equal(tokens.size, 4)
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, index) => await app.inject({ url: '/', headers: { cookie: index % 2 === 0 ? cookie : first } })))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(provider.count('refresh'), 5)
})

t.test('O189, S269: a renewal without an ID token keeps the claims; one with it takes them over', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const clock = movableClock(t)
  let cookie = await loginWithToken(app)
  const before = await storedOf(app, cookie)
  provider.lie({ tokenResponse: { id_token: undefined, scope: undefined } })
  cookie = cookieAfter(await app.inject({ url: '/', headers: { cookie } }), cookie)
  const kept = await storedOf(app, cookie)
  t.strictSame(kept.session.idTokenClaims, before.session.idTokenClaims)
  t.equal(kept.session.cold.idToken, before.session.cold.idToken)
  t.equal(kept.session.scope, before.session.scope)
  t.equal(kept.session.id, before.session.id)
  provider.lie({ idTokenClaims: { name: 'Alice the Second' } })
  clock.advance(TOKEN_LIFE)
  cookie = cookieAfter(await app.inject({ url: '/', headers: { cookie } }), cookie)
  const taken = await storedOf(app, cookie)
  t.equal(taken.session.idTokenClaims?.name, 'Alice the Second')
  t.not(taken.session.cold.idToken, before.session.cold.idToken)
})

t.test('an answer that renews sets the cookie and is private', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const cookie = await loginWithToken(app)
  const answer = await app.inject({ url: '/', headers: { cookie } })
  t.match(setCookies(answer), [/^oidc=[\w-]+; Max-Age=3600; Path=\/; HttpOnly; SameSite=Lax$/])
  t.equal(answer.headers['cache-control'], 'private, no-cache')
})

// rows: access_token_expires_in
t.test('access_token_expires_in is the life of a token where the provider does not say one', async t => {
  const provider = await lyingProvider(t)
  const lifeWith = async (options: object, said: number | undefined): Promise<number> => {
    provider.lie({ tokenResponse: { expires_in: said } })
    const { app } = await protectedApp(t, optionsFor(provider, options))
    const { session } = await storedOf(app, (await login(app)).cookie)
    return (session.accessTokenExpiresAt ?? 0) - session.authenticatedAt
  }
  for (const [options, said, life] of [[{ access_token_expires_in: 600 }, undefined, 600], [{ access_token_expires_in: 600 }, 120, 120], [{}, undefined, 3600]] as const) {
    const seen = await lifeWith(options, said)
    t.ok(seen > life - 3 && seen <= life, `${JSON.stringify(options)}, ${String(said)}: ${seen}`)
  }
  provider.lie({ tokenResponse: { expires_in: undefined } })
  const { app } = await protectedApp(t, optionsFor(provider, { access_token_expires_in: 600 }))
  const { cookie } = await login(app)
  movableClock(t).advance(601)
  const before = provider.count('refresh')
  const renewed = cookieAfter(await app.inject({ url: '/', headers: { cookie } }), cookie)
  t.equal(provider.count('refresh'), before + 1, 'it is renewed by that')
  const left = ((await storedOf(app, renewed)).session.accessTokenExpiresAt ?? 0) - now()
  t.ok(left > 597 && left <= 600, 'and so is the next one')
})

// rows: renew_access_token_on_expiry
t.test('S266, S402: with renew_access_token_on_expiry off the session goes on without the access token', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { renew_access_token_on_expiry: false, set_refresh_token_header: true }))
  const cookie = await loginWithToken(app)
  const answer = await app.inject({ url: '/echo/x', headers: { cookie } })
  t.equal(answer.statusCode, 200)
  const { identity } = answer.json() as { identity: Record<string, string> }
  t.strictSame(Object.keys(identity).sort(), ['x-id-token', 'x-refresh-token', 'x-userinfo'])
  t.equal(provider.count('refresh'), 0)
  t.equal(setCookies(answer).length, 0)
})

// rows: renew_access_token_on_expiry
t.test('S267: a dead token without a refresh token is nobody: the policy decides and the cookie goes', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider))
  const { cookie } = await login(app)
  const dead = await reissue(app, cookie, { accessTokenExpiresAt: now() - 1, cold: { refreshToken: null, idToken: null } })
  const answer = await app.inject({ url: '/', headers: { cookie: dead } })
  t.equal(answer.statusCode, 302)
  t.notOk(cookieAfter(answer, dead).includes('oidc='), 'cleared')
  t.equal((await app.inject({ method: 'POST', url: '/echo/x', headers: { cookie: dead } })).statusCode, 401)
})

t.test('freshAccessToken answers a token that lives, and asks the provider only if it has to', async t => {
  const provider = await lyingProvider(t)
  const { app } = createApplication(t)
  const { default: oidc } = await import('fastify-oidc')
  await app.register(oidc, optionsFor(provider))
  const clock = movableClock(t)
  let age: (() => Promise<void>) | null = null
  app.get('/', async request => ({ token: request.oidc.accessToken }))
  app.get('/fresh', async request => {
    await age?.()
    const tokens = await Promise.all([request.oidc.freshAccessToken(), request.oidc.freshAccessToken()])
    return { tokens, shown: request.oidc.accessToken, header: request.oidc.identityHeaders['x-access-token'] }
  })
  app.get('/nobody', { config: { oidc: { unauth_action: 'pass' } } }, async request => ({ token: await request.oidc.freshAccessToken() }))
  const { cookie } = await login(app)
  const { accessToken } = (await storedOf(app, cookie)).session
  const alive = await app.inject({ url: '/fresh', headers: { cookie } })
  t.strictSame(alive.json(), { tokens: [accessToken, accessToken], shown: accessToken, header: accessToken })
  t.equal(provider.count('refresh'), 0, 'a token that lives is not renewed')
  t.equal(setCookies(alive).length, 0)
  const dying = await reissue(app, cookie, { accessTokenExpiresAt: now() + 60 })
  age = async () => { clock.advance(61) }
  const renewed = await app.inject({ url: '/fresh', headers: { cookie: dying } })
  const { tokens, shown, header } = renewed.json() as { tokens: string[], shown: string, header: string }
  t.not(tokens[0], accessToken)
  t.strictSame([tokens[1], shown, header], [tokens[0], tokens[0], tokens[0]])
  t.equal(provider.count('refresh'), 1)
  t.equal((await storedOf(app, cookieAfter(renewed, dying))).session.accessToken, tokens[0], 'the browser gets the renewed session')
  t.equal(renewed.headers['cache-control'], 'private, no-cache')
  t.strictSame((await app.inject('/nobody')).json(), { token: null })
})
