import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createRedisStore } from 'fastify-oidc-redis-store'
import { systemClock, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { openLink, type WrittenRedis } from '../redis-store/support/links.ts'
import { startStallingProxy } from '../redis-store/support/stalling-proxy.ts'
import { startCluster } from '../support/redis-cluster.ts'
import { until, type RedisProcess } from '../support/redis-process.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { startRedis } from '../support/redis-server.ts'
import { patiently } from '../redis-store/support/patience.ts'

const secret = 'the secret of this test, long enough'
const BOUND_MS = 1000
const REVOKED = 200
const ALIVE = 20

t.setTimeout(300_000)

/** An instance that hears of ends in no other way. */
async function instance (t: Test, redis: WrittenRedis): Promise<SessionStore> {
  const link = openLink(t, { connect_timeout: 2000, read_timeout: 2000, ...redis })
  await link.ready()
  const store = createRedisStore({ link, secret, clientCache: true })
  t.teardown(() => store.close())
  return store
}

interface Watched { readonly stored: StoredSession, servedMs: number, refusedMs: number | null, endedMs: number | null }

/** Asks for it again and again, as a busy browser would. */
async function watch (store: SessionStore, watched: Watched, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const askedMs = performance.now()
    const found = await store.get(watched.stored.handle).catch(() => undefined)
    if (found === null) watched.refusedMs ??= askedMs
    else if (found !== undefined) watched.servedMs = askedMs
    await sleep(20 + Math.random() * 40)
  }
}

interface Race {
  readonly here: WrittenRedis
  readonly there?: WrittenRedis
  readonly revoked?: number
  readonly everyMs?: number
  /** How sessions are ended; by default each by a revocation of its own. */
  readonly end?: (sessions: readonly StoredSession[]) => Promise<void>
  /** Runs until told to stop. */
  readonly disturb?: (isOver: () => boolean) => Promise<void>
}

/** One instance ends sessions, another one is asked for them all the while. */
async function race (t: Test, { here: hereOptions, there: thereOptions = hereOptions, revoked = REVOKED, everyMs = 20, end, disturb = async () => {} }: Race): Promise<void> {
  const [here, there] = [await instance(t, hereOptions), await instance(t, thereOptions)]
  const login = async (): Promise<Watched> => ({ stored: await here.create(sampleSession(), systemClock() + 3600), servedMs: -Infinity, refusedMs: null, endedMs: null })
  const sessions = await Promise.all(Array.from({ length: revoked }, login))
  const alive = await Promise.all(Array.from({ length: end === undefined ? ALIVE : 0 }, login))
  let over = false
  const isOver = (): boolean => over
  const work = [...sessions, ...alive].map(watched => watch(there, watched, isOver))
  await until('what is asked for is remembered', async () => (there.cache?.hits ?? 0) > 3 * revoked)
  const disturbance = disturb(isOver)
  if (end === undefined) {
    for (const watched of sessions) {
      await patiently(() => here.revoke({ issuer: watched.stored.session.issuer, subject: watched.stored.session.subject }, systemClock()))
      watched.endedMs = performance.now()
      await sleep(everyMs)
    }
  } else {
    await end(sessions.map(({ stored }) => stored))
    for (const watched of sessions) watched.endedMs = performance.now()
  }
  await sleep(2 * BOUND_MS)
  over = true
  await Promise.all([...work, disturbance])
  const late = sessions.map(({ servedMs, endedMs }) => servedMs - (endedMs ?? NaN))
  const worst = Math.max(...late)
  t.ok(worst < BOUND_MS, `the last that was served was asked for ${worst.toFixed(1)} ms after its end was answered`)
  t.equal(late.filter(ms => !(ms < BOUND_MS)).length, 0)
  t.equal(alive.filter(({ refusedMs }) => refusedMs !== null).length, 0, 'no live session was refused')
  t.comment(`${sessions.length} ends; worst: ${worst.toFixed(1)} ms after the answer; served behind the answer: ${late.filter(ms => ms > 0).length}; from memory ${there.cache?.hits}, asked ${there.cache?.misses}`)
}

/** Again and again, with pauses. */
const repeat = (everyMs: number, work: () => Promise<unknown>) => async (isOver: () => boolean): Promise<void> => {
  while (!isOver()) {
    await work().catch(() => {})
    await sleep(everyMs * (0.5 + Math.random()))
  }
}

t.test('a session that is revoked elsewhere', async t => {
  const { port } = await startRedis(t)
  await race(t, { here: { port } })
})

t.test('while connections that tell of changes are cut', async t => {
  const redis = await startRedis(t)
  await race(t, { here: { port: redis.port }, disturb: repeat(400, () => redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')) })
})

t.test('while all connections are cut', async t => {
  const redis = await startRedis(t)
  await race(t, { here: { port: redis.port }, disturb: repeat(1000, async () => { await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'); await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub') }) })
})

for (const kind of ['WRITE', 'ALL'] as const) {
  t.test(`while Redis is paused now and then (${kind})`, async t => {
    const redis = await startRedis(t)
    await race(t, { here: { port: redis.port }, disturb: repeat(500, () => redis.command('CLIENT', 'PAUSE', 150, kind)) })
  })
}

t.test('while the process of Redis stops now and then', async t => {
  const redis = await startRedis(t)
  await race(t, {
    here: { port: redis.port },
    disturb: repeat(600, async () => {
      redis.pause()
      await sleep(300)
      redis.resume()
    })
  })
})

t.test('while the line of the one that is asked falls silent', async t => {
  const redis = await startRedis(t)
  const proxy = await startStallingProxy(t, redis)
  await race(t, {
    here: { port: redis.port },
    there: { port: proxy.port },
    disturb: repeat(1000, async () => {
      proxy.stallAnswers()
      await sleep(1500)
      proxy.flow()
    })
  })
})

t.test('while the process of the one that is asked is busy', async t => {
  const { port } = await startRedis(t)
  await race(t, {
    here: { port },
    disturb: repeat(300, async () => {
      const endMs = performance.now() + 400
      while (performance.now() < endMs);
    })
  })
})

t.test('all of them are gone at once', async t => {
  const redis = await startRedis(t)
  await race(t, { here: { port: redis.port }, end: async () => { await redis.command('FLUSHALL') } })
})

for (const how of ['kill', 'pause'] as const) {
  t.test(`while the master that Sentinel named goes (${how})`, async t => {
    const set = await startSentinel(t)
    let former: RedisProcess | null = null
    await race(t, {
      here: { sentinels: [...set.sentinels], master_name: set.masterName },
      revoked: 100,
      everyMs: 60,
      disturb: async () => {
        await sleep(1000)
        former = await set.master()
        await former[how]()
        await set.replaced(former)
        await sleep(500)
        if (how === 'pause') former.resume()
      }
    })
  })
}

t.test('in a cluster, while connections are cut and a master is killed', async t => {
  const cluster = await startCluster(t, { replicas: true })
  const [master] = cluster.masters
  if (master === undefined) throw new Error('no master')
  await race(t, {
    here: { cluster: [...cluster.nodes] },
    everyMs: 50,
    disturb: async isOver => {
      const cut = repeat(500, () => Promise.all(cluster.masters.slice(1).map(node => node.command('CLIENT', 'KILL', 'TYPE', 'pubsub'))))(isOver)
      await sleep(2000)
      await master.kill()
      await cluster.replaced(master)
      await cut
    }
  })
})
