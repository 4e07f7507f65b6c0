import t from 'tap'
import { once, EventEmitter } from 'node:events'
import type { OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { startRedis } from '../support/redis-server.ts'
import { cookieAfter, isCleared, lyingProvider, now, reissue, setCookies, storedOf } from './session-parts.ts'
import { optionsFor, protectedApp, SECRET, type Application } from './support.ts'

const script = { 'sec-fetch-mode': 'cors' }

async function statusOf ({ app }: Pick<Application, 'app'>, cookie: string): Promise<number> {
  return (await app.inject({ url: '/', headers: { cookie, ...script } })).statusCode
}

async function until (what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await holds()) return
    await new Promise(resolve => { setTimeout(resolve, 25) })
  }
  throw new Error(`${what}: not within 5 seconds`)
}

t.test('sessions in Redis', async t => {
  const redis = await startRedis(t)
  const provider = await lyingProvider(t)
  const node = async (session: Record<string, unknown> = {}, more: Partial<OidcPluginOptions> = {}): Promise<Application> => await protectedApp(t, optionsFor(provider, { ...more, session: { secret: SECRET, storage: 'redis', redis: { port: redis.port }, ...session } as OidcPluginOptions['session'] }))

  // rows: session.storage, session.redis, session.redis.host, session.redis.port
  await t.test('the cookie is a handle that every instance knows, and a logout at one ends it at all', async t => {
    const [a, b] = [await node(), await node()]
    const { cookie } = await login(a.app)
    t.match(cookie, /^oidc=[\w-]{43}$/)
    t.strictSame([await statusOf(a, cookie), await statusOf(b, cookie)], [200, 200])
    t.match((await storedOf(b.app, cookie)).session, { subject: 'alice', clientId: provider.clientId })
    t.equal((await b.app.inject({ url: '/logout', headers: { cookie } })).statusCode, 302)
    t.strictSame([await statusOf(a, cookie), await statusOf(b, cookie)], [401, 401])
  })

  await t.test('O187: 50 requests at two instances renew a dead token once', async t => {
    const [a, b] = [await node(), await node()]
    const cookie = await reissue(a.app, (await login(a.app)).cookie, { accessTokenExpiresAt: now() - 60 })
    const before = provider.count('refresh')
    const statuses = await Promise.all(Array.from({ length: 50 }, async (_, turn) => await statusOf(turn % 2 === 0 ? a : b, cookie)))
    t.ok(statuses.every(status => status === 200), statuses.join())
    t.equal(provider.count('refresh') - before, 1)
    t.equal(provider.reused.refreshToken, 0)
  })

  await t.test('cookie sessions agree through Redis too', async t => {
    const session = { storage: undefined, coordination: 'redis' }
    const [a, b] = [await node(session), await node(session)]
    const { cookie } = await login(a.app)
    t.ok(cookie.length > 200, 'the session itself')
    const dead = await reissue(a.app, cookie, { accessTokenExpiresAt: now() - 60 })
    const before = provider.count('refresh')
    const answers = await Promise.all([a, b, a, b].map(async ({ app }) => await app.inject({ url: '/', headers: { cookie: dead, ...script } })))
    t.ok(answers.every(({ statusCode }) => statusCode === 200))
    t.equal(provider.count('refresh') - before, 1)
    const renewed = cookieAfter(answers[0] as never, dead)
    t.equal(await statusOf(b, renewed), 200)
    await a.app.inject({ url: '/logout', headers: { cookie: renewed } })
    await until('the other instance knows', async () => await statusOf(b, renewed) === 401)
    t.equal(await statusOf(b, dead), 401, 'the older cookie is over with it')
  })

  await t.test('session.redis beside sessions that do not need it is told', async t => {
    const { app, log } = await node({ storage: undefined })
    await app.ready()
    t.match(log.find(line => line.oidc === 'options'), { level: 40, msg: /session\.redis has no effect/ })
    const quiet = await node({ storage: undefined, redis: undefined })
    await quiet.app.ready()
    t.notOk(quiet.log.some(line => line.oidc === 'options'))
  })

  await t.test('revoke at one instance counts, and streams at another hear of it', async t => {
    const [a, b] = [await node(), await node()]
    const { cookie } = await login(a.app)
    const stream = new EventEmitter()
    b.app.get('/watched', async request => {
      b.app.oidc.onSessionEnd(request, () => { stream.emit('end') })
      return null
    })
    await b.app.inject({ url: '/watched', headers: { cookie, ...script } })
    const ended = once(stream, 'end')
    const startMs = performance.now()
    t.equal(await a.app.oidc.revoke({ sub: 'alice' }), 3, 'all that alice has by now')
    await ended
    t.ok(performance.now() - startMs < 1000)
    t.strictSame([await statusOf(a, cookie), await statusOf(b, cookie)], [401, 401])
  })
})

t.test('O179, W10: a Redis that is down is 503 at every instance, logs nobody out, and recovery needs nobody', async t => {
  const redis = await startRedis(t)
  const provider = await lyingProvider(t)
  const { app, log } = await protectedApp(t, optionsFor(provider, { session: { secret: SECRET, storage: 'redis', redis: { port: redis.port, connect_timeout: 200, read_timeout: 200 } } as OidcPluginOptions['session'] }))
  const { cookie } = await login(app)
  t.equal(await statusOf({ app }, cookie), 200)
  await redis.kill()
  for (const headers of [script, { accept: 'text/html', 'sec-fetch-mode': 'navigate' }]) {
    const answer = await app.inject({ url: '/', headers: { cookie, ...headers } })
    t.equal(answer.statusCode, 503)
    t.equal(answer.headers['retry-after'], '5')
    t.strictSame(setCookies(answer), [])
    t.notOk(isCleared(answer))
  }
  t.equal((await app.inject({ url: '/logout', headers: { cookie } })).statusCode, 503, 'a logout that cannot be is not said to be')
  t.equal((await app.inject({ url: '/', headers: script })).statusCode, 401, 'who has no cookie needs no store')
  await t.rejects(app.oidc.ready(), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.ok(log.some(line => line.code === 'FST_OIDC_STORE_UNAVAILABLE'))
  t.notMatch(JSON.stringify(log), SECRET)
  await redis.start()
  await until('it is back', async () => await statusOf({ app }, cookie) !== 503)
  t.equal((await app.inject({ url: '/', headers: script })).statusCode, 401)
})

t.test('a Redis that is not there yet does not keep the application from starting', async t => {
  const redis = await startRedis(t)
  await redis.kill()
  const provider = await lyingProvider(t)
  const startMs = performance.now()
  const { app, log } = await protectedApp(t, optionsFor(provider, { session: { secret: SECRET, storage: 'redis', redis: { port: redis.port, connect_timeout: 300 } } as OidcPluginOptions['session'] }))
  await app.ready()
  t.ok(performance.now() - startMs < 20_000)
  t.ok(log.some(line => Number(line.level) >= 50), 'the log says so')
  await redis.start()
  await until('it is there', async () => await app.oidc.ready().then(() => true, () => false))
  const { cookie } = await login(app)
  t.equal(await statusOf({ app }, cookie), 200)
})
