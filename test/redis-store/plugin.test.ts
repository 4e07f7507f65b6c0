import { randomUUID } from 'node:crypto'
import fastifyRedis from '@fastify/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import cookieStore from 'fastify-oidc-cookie-store'
import redisStore, { redisCoordination, redisStore as named } from 'fastify-oidc-redis-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { timeOf, unavailable } from './support/links.ts'

const secret = 'the secret of this test, long enough'
const END = Number.MAX_SAFE_INTEGER
const redis = await startRedis(t)

function build (t: Test, lines: string[] = []): FastifyInstance {
  const app = Fastify({ logger: { level: 'info', stream: { write: line => { lines.push(line) } } } })
  t.teardown(() => app.close())
  return app
}

function at (port = redis.port): { port: number, prefix: string } {
  return { port, prefix: randomUUID() }
}

t.test('it decorates the server with a store, a coordinator and a client', async t => {
  const app = build(t)
  await app.register(redisStore, { session: { secret, redis: at() } })
  await app.ready()
  const session = sampleSession()
  const { handle } = await app.oidcSessionStore.create(session, END)
  t.match(await app.oidcSessionStore.get(handle), { session: { subject: session.subject } })
  t.match(app.oidcSessionStore, { name: 'redis', revocable: true })
  t.not(await app.oidcSessionCoordinator.lock('a', 1000), null)
  t.equal(await app.redis.ping(), 'PONG')
  t.ok(app.hasPlugin('@fastify/redis'))
  t.equal(named, redisStore)
})

t.test('two servers share sessions and ends', async t => {
  const options = { session: { secret, redis: at() } }
  const [first, second] = [build(t), build(t)]
  for (const app of [first, second]) await app.register(redisStore, options)
  const stored = await first.oidcSessionStore.create(sampleSession(), END)
  t.not(await second.oidcSessionStore.get(stored.handle), null)
  await second.oidcSessionStore.destroy(stored)
  t.equal(await first.oidcSessionStore.get(stored.handle), null)
})

t.test('a session of another binding does not open', async t => {
  const session = { secret, redis: at() }
  const [first, second] = [build(t), build(t)]
  await first.register(redisStore, { session, binding: 'one' })
  await second.register(redisStore, { session, binding: 'two' })
  const { handle } = await first.oidcSessionStore.create(sampleSession(), END)
  t.equal(await second.oidcSessionStore.get(handle), null)
})

t.test('a Redis that is not there does not hold up the boot, is told of once, and is found when it comes', async t => {
  const server = await startRedis(t)
  await server.kill()
  const lines: string[] = []
  const app = build(t, lines)
  const time = await timeOf((async () => {
    await app.register(redisStore, { session: { secret, redis: at(server.port) } })
    await app.ready()
  })())
  t.ok(time < 1000, `${time}`)
  await t.rejects(app.oidcSessionStore.ready(), unavailable)
  await t.rejects(app.oidcSessionStore.create(sampleSession(), END), unavailable)
  const told = lines.map(line => JSON.parse(line) as { level: number, msg: string })
  t.match(told, [{ level: 50, msg: `Redis at 127.0.0.1:${server.port} cannot be used: nothing listens there` }])
  t.equal(told.length, 1)
  t.ok(app.hasPlugin('@fastify/redis'), 'and there is fastify.redis all the same')
  const up = new Promise<void>(resolve => { app.redis.once('ready', () => resolve()) })
  await server.start()
  await up
  await app.oidcSessionStore.ready()
  const { handle } = await app.oidcSessionStore.create(sampleSession(), END)
  t.not(await app.oidcSessionStore.get(handle), null)
})

t.test('a Redis that hangs holds up the boot no longer than its time-outs', async t => {
  const server = await startRedis(t)
  server.pause()
  const app = build(t)
  const time = await timeOf((async () => {
    await app.register(redisStore, { session: { secret, redis: { ...at(server.port), connect_timeout: 100, read_timeout: 200 } } })
    await app.ready()
  })())
  t.ok(time < 1000, `${time}`)
  await t.rejects(app.oidcSessionStore.ready(), unavailable)
})

t.test('a client of the application is used and left open', async t => {
  const app = build(t)
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  await app.register(fastifyRedis, { client })
  await app.register(redisStore, { session: { secret, redis: { prefix: randomUUID() } }, client: app.redis })
  const { handle } = await app.oidcSessionStore.create(sampleSession(), END)
  t.not(await app.oidcSessionStore.get(handle), null)
  await app.close()
  t.equal(await client.ping(), 'PONG')
})

t.test('fastify.redis of the application stays its own', async t => {
  const app = build(t)
  const client = new Redis(redis.port)
  t.teardown(() => client.disconnect())
  await app.register(fastifyRedis, { client })
  await app.register(redisStore, { session: { secret, redis: at() } })
  t.equal(app.redis, client)
})

t.test('closing the server closes the connections', async t => {
  const server = await startRedis(t)
  const app = build(t)
  await app.register(redisStore, { session: { secret, redis: at(server.port) } })
  await app.oidcSessionCoordinator.lock('a', 1000)
  const count = async (): Promise<number> => String(await server.command('CLIENT', 'LIST')).trim().split('\n').length
  t.ok(await count() > 1)
  await app.close()
  while (await count() > 1) await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(await count(), 1)
})

t.test('cookie sessions agree through Redis', async t => {
  const app = build(t)
  await app.register(redisCoordination, { session: { secret, redis: at() } })
  await app.register(cookieStore, { session: { secret } })
  t.equal(app.oidcSessionStore.name, 'cookie')
  t.not(await app.oidcSessionCoordinator.lock('a', 1000), null)
  t.equal(await app.oidcSessionCoordinator.lock('a', 1000), null)
})

t.test('a second store or coordinator in one scope stops the boot', async t => {
  const options = { session: { secret, redis: at() } }
  const app = build(t)
  await app.register(redisStore, options)
  await t.rejects(async () => { await app.register(redisStore, options) }, { code: 'FST_OIDC_STORE_CONFLICT' })
  const other = build(t)
  await other.register(redisCoordination, options)
  await t.rejects(async () => { await other.register(redisCoordination, options) }, { code: 'FST_OIDC_COORDINATOR_CONFLICT' })
  const third = build(t)
  await third.register(redisCoordination, options)
  await t.rejects(async () => { await third.register(redisStore, options) }, { code: 'FST_OIDC_COORDINATOR_CONFLICT' })
})

t.test('a scope within may have its own', async t => {
  const app = build(t)
  await app.register(redisStore, { session: { secret, redis: at() } })
  await app.register(async scope => {
    await scope.register(redisStore, { session: { secret, redis: at() } })
    t.not(scope.oidcSessionStore, app.oidcSessionStore)
  })
  await app.ready()
})

t.test('beside a client of the application, where Redis is has nothing to say', async t => {
  const client = new Redis(redis.port, { lazyConnect: true })
  t.teardown(() => { client.disconnect() })
  await t.rejects(async () => { await build(t).register(redisStore, { session: { secret, redis: { port: 7000, username: 'app', prefix: 'p', read_timeout: 500 } }, client }) }, {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /^fastify-oidc-redis-store: invalid options\n(?!.*needs password)(?=.*session\.redis\.port does nothing beside client)[^]*session\.redis\.username does nothing beside client, which is connected already$/
  })
})
