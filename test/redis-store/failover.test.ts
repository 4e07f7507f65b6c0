import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createRedisCoordinator, createRedisStore, type RedisLink } from 'fastify-oidc-redis-store'
import { systemClock, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { startCluster } from '../support/redis-cluster.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { openLink, type WrittenRedis } from './support/links.ts'
import { patiently } from './support/patience.ts'

const secret = 'the secret of this test, long enough'
const LIFETIME = 3600
const COUNT = 40

interface Instance { readonly store: SessionStore, readonly coordinator: SessionCoordinator, readonly link: RedisLink }

async function instance (t: Test, redis: WrittenRedis): Promise<Instance> {
  const link = openLink(t, { connect_timeout: 3000, read_timeout: 3000, ...redis })
  await link.ready()
  const coordinator = createRedisCoordinator({ link, secret })
  const store = createRedisStore({ link, secret, coordinator })
  t.teardown(async () => {
    await store.close()
    await coordinator.close()
  })
  return { store, coordinator, link }
}

/** Logouts that were answered, and the failure of whatever held them, in the same instant. */
async function loseMaster (t: Test, redis: WrittenRedis, kill: () => Promise<void>): Promise<void> {
  const here = await instance(t, redis)
  const login = (): Promise<StoredSession> => patiently(() => here.store.create(sampleSession(), systemClock() + LIFETIME))
  const [destroyed, revoked, alive] = await Promise.all([1, 2, 3].map(async () => await Promise.all(Array.from({ length: COUNT }, login)))) as [StoredSession[], StoredSession[], StoredSession[]]
  // What is older than a second survives; the replicas have it long since.
  await sleep(1000)
  await Promise.all(destroyed.map(stored => patiently(() => here.store.destroy(stored))))
  for (const { session: { issuer, subject } } of revoked.slice(0, 10)) await patiently(() => here.store.revoke({ issuer, subject }, systemClock()))
  for (const { session: { issuer, providerSessionId } } of revoked.slice(10)) await patiently(() => here.coordinator.end({ issuer, providerSessionId: providerSessionId ?? '' }, systemClock(), systemClock() + LIFETIME))
  await kill()
  // Nothing that this instance knows helps: another one is asked, which starts after the failure.
  await here.link.close()
  const there = await patiently(() => instance(t, redis))
  const read = async (stored: readonly StoredSession[]): Promise<Array<StoredSession | null>> => await Promise.all(stored.map(({ handle }) => patiently(() => there.store.get(handle))))
  t.equal((await read(destroyed)).filter(stored => stored !== null).length, 0, 'no session that was logged out came back')
  t.equal((await read(revoked)).filter(stored => stored !== null).length, 0, 'nor one that was revoked, or marked')
  t.same((await read(alive)).map(stored => stored?.session.id), alive.map(({ session: { id } }) => id), 'and no other was lost')
}

t.test('an answered logout holds when the master that Sentinel named dies', async t => {
  const set = await startSentinel(t)
  await loseMaster(t, { sentinels: [...set.sentinels], master_name: set.masterName }, async () => {
    const master = await set.master()
    await master.kill()
    await set.replaced(master)
  })
})

t.test('an answered logout holds when a master of a cluster dies', async t => {
  const cluster = await startCluster(t, { replicas: true })
  await loseMaster(t, { cluster: [...cluster.nodes] }, async () => {
    const [master] = cluster.masters
    if (master === undefined) throw new Error('no master')
    await master.kill()
    await cluster.replaced(master)
  })
})
