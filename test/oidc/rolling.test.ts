import t from 'tap'
import oidc from 'fastify-oidc'
import { createMemoryStore } from 'fastify-oidc-session-store'
import { login } from 'fastify-oidc-testing'
import { cookieAfter, lyingProvider, movableClock, setCookies, storedOf } from './session-parts.ts'
import { createApplication, optionsFor, protectedApp, SECRET } from './support.ts'

/** Seconds. */
const ROLLING = 200
const session = { secret: SECRET, rolling_timeout: ROLLING }

// rows: session.rolling_timeout
t.test('a session that is used gets a new handle after three quarters of rolling_timeout, and no handle outlives it', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { expires_in: 7200 } })
  const { app } = await protectedApp(t, optionsFor(provider, { session }))
  const { cookie } = await login(app)
  const clock = movableClock(t)
  clock.advance(ROLLING * 3 / 4 - 5)
  t.strictSame(setCookies(await app.inject({ url: '/', headers: { cookie } })), [], 'before')
  clock.advance(10)
  const answer = await app.inject({ url: '/', headers: { cookie } })
  t.equal(answer.statusCode, 200)
  t.match(setCookies(answer), [new RegExp(`Max-Age=${ROLLING};`)])
  const rolled = cookieAfter(answer, cookie)
  t.not(rolled, cookie)
  t.equal((await storedOf(app, rolled)).session.id, (await storedOf(app, cookie)).session.id, 'the same session')
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200, 'requests under way still have the old one')
  clock.advance(ROLLING / 4 + 5)
  const json = { accept: 'application/json' }
  t.equal((await app.inject({ url: '/', headers: { cookie, ...json } })).statusCode, 401, 'the old one is over')
  t.equal((await app.inject({ url: '/', headers: { cookie: rolled, ...json } })).statusCode, 200)
  clock.advance(ROLLING)
  t.equal((await app.inject({ url: '/', headers: { cookie: rolled, ...json } })).statusCode, 401, 'and so is the new one, as nobody used it')
})

t.test('requests that come at once with a handle that is due are all served, and a renewal after it finds its session from each handle', async t => {
  const provider = await lyingProvider(t)
  const { app } = await protectedApp(t, optionsFor(provider, { session: { secret: SECRET, rolling_timeout: 1000 } }))
  provider.lie({ tokenResponse: { expires_in: 800 } })
  const { cookie } = await login(app)
  provider.lie()
  const clock = movableClock(t)
  clock.advance(760)
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await app.inject({ url: '/', headers: { cookie } })))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  const rolled = answers.map(answer => cookieAfter(answer, cookie))
  clock.advance(60)
  for (const late of [...rolled, cookie]) t.equal((await app.inject({ url: '/', headers: { cookie: late } })).statusCode, 200)
  t.equal(provider.count('refresh'), 1)
  t.equal(provider.reused.refreshToken, 0)
})

// rows: session.absolute_timeout
t.test('the absolute end stands, however often the handle changes', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ tokenResponse: { expires_in: 7200 } })
  const { app } = await protectedApp(t, optionsFor(provider, { session: { ...session, absolute_timeout: ROLLING * 2 } }))
  const clock = movableClock(t)
  let { cookie } = await login(app)
  const { createdAt } = (await storedOf(app, cookie)).session
  for (let quarter = 0; quarter < 7; quarter++) {
    clock.advance(ROLLING / 4)
    const answer = await app.inject({ url: '/', headers: { cookie } })
    t.equal(answer.statusCode, 200)
    cookie = cookieAfter(answer, cookie)
    t.ok((await storedOf(app, cookie)).expiresAt <= createdAt + ROLLING * 2)
  }
  clock.advance(ROLLING / 4)
  t.equal((await app.inject({ url: '/', headers: { cookie, accept: 'application/json' } })).statusCode, 401)
})

// rows: session.rolling_timeout
t.test('a store that keeps the handle of a login and rolling_timeout do not go together', async t => {
  for (const [rolling, code] of [[ROLLING, 'FST_OIDC_HANDLES_KEPT'], [0, null]] as const) {
    const { app } = createApplication(t)
    app.decorate('oidcSessionStore', createMemoryStore())
    const registered = async (): Promise<void> => { await app.register(oidc, optionsFor({ clientId: 'app', clientSecret: 'secret', discovery: 'http://127.0.0.1:9/.well-known/openid-configuration' }, { session: { secret: SECRET, rolling_timeout: rolling } })) }
    if (code === null) await t.resolves(registered)
    else await t.rejects(registered, { code })
  }
})
