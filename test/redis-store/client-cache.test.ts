import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createLinkThrough, createRedisStore, type RedisLink } from 'fastify-oidc-redis-store'
import { systemClock, type CacheCounts, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { until } from '../support/redis-process.ts'
import { startRedis } from '../support/redis-server.ts'
import { memoryLog, openLink, unavailable, type MemoryLog, type WrittenRedis } from './support/links.ts'
import { startStallingProxy } from './support/stalling-proxy.ts'

const secret = 'the secret of this test, long enough'
const redis = await startRedis(t)

type CachingStore = SessionStore & { readonly cache: CacheCounts }

interface Instance { readonly store: CachingStore, readonly link: RedisLink, readonly log: MemoryLog }

function caching (store: SessionStore): CachingStore {
  const { cache } = store
  if (cache === undefined) throw new TypeError('the store does not count')
  return { ...store, cache }
}

function storeOver (t: Test, link: RedisLink, prefix = 'sessions'): CachingStore {
  const store = createRedisStore({ link, secret, prefix, clientCache: true })
  t.teardown(() => store.close())
  return caching(store)
}

function instance (t: Test, written: WrittenRedis): Instance {
  const log = memoryLog()
  const link = openLink(t, written, log)
  return { link, log, store: storeOver(t, link) }
}

const login = (store: CachingStore): Promise<StoredSession> => store.create(sampleSession(), systemClock() + 3600)

/** Resolves when the store answers this session without asking Redis. */
async function remembered (store: CachingStore, { handle }: StoredSession): Promise<void> {
  await until('the store answers from memory', async () => {
    const { hits } = store.cache
    await store.get(handle)
    return store.cache.hits > hits
  })
}

/** Whether Redis was asked. */
async function asks (store: CachingStore, work: () => Promise<unknown>): Promise<boolean> {
  const { misses } = store.cache
  await work()
  return store.cache.misses > misses
}

t.test('what was read is not asked for again, until another instance changes it', async t => {
  const [here, there] = [instance(t, { port: redis.port }), instance(t, { port: redis.port })]
  const stored = await login(there.store)
  await remembered(here.store, stored)
  t.notOk(await asks(here.store, () => here.store.get(stored.handle)))
  const touched = await there.store.touch(stored, systemClock() + 7200)
  await until('the other end is seen', async () => (await here.store.get(stored.handle))?.expiresAt === touched?.expiresAt)
  await remembered(here.store, stored)
  if (touched === null) throw new Error('gone')
  const renewed = await there.store.update(touched, { ...stored.session }, systemClock() + 7200)
  await until('the other revision is seen', async () => (await here.store.get(stored.handle))?.revision === renewed?.revision)
  await remembered(here.store, stored)
  await there.store.destroy(stored)
  await until('the end is seen', async () => await here.store.get(stored.handle) === null)
  t.same([...here.log.lines, ...there.log.lines], [])
})

t.test('what an instance writes itself it knows at once', async t => {
  const { store } = instance(t, { port: redis.port })
  for (let turn = 0; turn < 20; turn++) {
    const [kept, gone, ended] = [await login(store), await login(store), await login(store)]
    await Promise.all([kept, gone, ended].map(stored => remembered(store, stored)))
    const renewed = await store.update(kept, { ...kept.session }, systemClock() + 3600)
    t.equal((await store.get(kept.handle))?.revision, renewed?.revision)
    await store.destroy(gone)
    t.equal(await store.get(gone.handle), null)
    await store.revoke({ issuer: ended.session.issuer, subject: ended.session.subject }, systemClock())
    t.equal(await store.get(ended.handle), null)
  }
})

t.test('who demands the newest is answered by Redis', async t => {
  const { store } = instance(t, { port: redis.port })
  const stored = await login(store)
  await remembered(store, stored)
  t.ok(await asks(store, () => store.get(stored.handle, 'newest')))
})

t.test('two stores over one client of the application hear each other', async t => {
  const client = new Redis({ port: redis.port, keyPrefix: 'app:' })
  t.teardown(() => client.disconnect())
  const link = createLinkThrough(client, { connect_timeout: 1000, read_timeout: 1000 })
  t.teardown(() => link.close())
  const [here, there] = [storeOver(t, link), storeOver(t, link)]
  const stored = await login(there)
  await remembered(here, stored)
  await there.destroy(stored)
  await until('the end is seen', async () => await here.get(stored.handle) === null)
})

t.test('the end of a session is looked at each time', async t => {
  let now = systemClock()
  const link = openLink(t, { port: redis.port })
  const store = caching(createRedisStore({ link, secret, clientCache: true, clock: () => now }))
  t.teardown(() => store.close())
  const stored = await store.create(sampleSession(), now + 60)
  await remembered(store, stored)
  now += 60
  t.notOk(await asks(store, async () => t.equal(await store.get(stored.handle), null)))
})

t.test('a Redis that was emptied is asked', async t => {
  const server = await startRedis(t)
  const { store } = instance(t, { port: server.port })
  const stored = await login(store)
  await remembered(store, stored)
  await server.command('FLUSHALL')
  await until('it is gone', async () => await store.get(stored.handle) === null)
})

for (const type of ['pubsub', 'normal'] as const) {
  t.test(`a connection that breaks ends what is remembered (${type})`, async t => {
    const server = await startRedis(t)
    const { store, link } = instance(t, { port: server.port })
    const stored = await login(store)
    await remembered(store, stored)
    if (type === 'normal') {
      const closed = once(link.client, 'close')
      await server.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
      await closed
      await link.ready().catch(() => {})
    } else {
      await server.command('CLIENT', 'KILL', 'TYPE', type)
      await until('it is asked', async () => await asks(store, () => store.get(stored.handle)))
    }
    await until('Redis answers', async () => await store.get(stored.handle) !== null)
    await remembered(store, stored)
  })
}

t.test('a line that falls silent is trusted for less than a second', async t => {
  const proxy = await startStallingProxy(t, redis)
  const { store } = instance(t, { port: proxy.port, read_timeout: 300 })
  const stored = await login(store)
  await remembered(store, stored)
  proxy.stallAnswers()
  const start = performance.now()
  let last = start
  await t.rejects(async () => {
    for (;;) {
      await store.get(stored.handle)
      last = performance.now()
      await sleep(5)
    }
  }, unavailable)
  t.ok(last - start < 1000, `${last - start}`)
  proxy.flow()
})

t.test('a Redis that does not tell is read each time, and the log says so once', async t => {
  const secure = await startRedis(t, { users: ['app on >open-sesame ~sessions:* &sessions:* +@all'] })
  const { store, log } = instance(t, { port: secure.port, username: 'app', password: 'open-sesame' })
  const stored = await login(store)
  await store.get(stored.handle)
  await until('it is told', async () => {
    await store.get(stored.handle)
    return log.lines.length > 0
  })
  for (let turn = 0; turn < 20; turn++) {
    t.ok(await asks(store, () => store.get(stored.handle)))
    await sleep(10)
  }
  t.match(log.lines, [{ level: 'warn', fields: { oidc: 'redis.untracked' }, message: /the user may not run a command or touch a key or channel.*client_cache/ }])
  t.equal(log.lines.length, 1)
})

t.test('a store that nobody asks sends nothing', async t => {
  const server = await startRedis(t)
  const { store } = instance(t, { port: server.port })
  t.equal((await store.get('x')), null)
  const stored = await login(store)
  await remembered(store, stored)
  const countOf = async (): Promise<number> => Number(/total_commands_processed:(\d+)/.exec(String(await server.command('INFO', 'stats')))?.[1])
  let before = await countOf()
  await until('it is quiet', async () => {
    await sleep(500)
    const now = await countOf()
    const quiet = now - before === 1
    before = now
    return quiet
  })
  await server.command('SET', 'sessions:other', '1')
  t.equal((await store.get(stored.handle))?.session.id, stored.session.id)
  await remembered(store, stored)
})
