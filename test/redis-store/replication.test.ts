import { Cluster } from 'ioredis'
import t from 'tap'
import { createRedisStore } from 'fastify-oidc-redis-store'
import { systemClock } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import type { RedisLink } from 'fastify-oidc-redis-store'
import { startCluster } from '../support/redis-cluster.ts'

const secret = 'the secret of this test, long enough'

t.test('in a cluster the master of the key is asked for its replicas, and of a revocation every master', async t => {
  const { nodes, masters } = await startCluster(t)
  const client = new Cluster([...nodes], { keyPrefix: 'app:' })
  t.teardown(() => { client.disconnect() })
  await client.ping()
  await Promise.all(client.nodes('all').map(async node => await node.ping()))
  const link: RedisLink = { client, answerTimeoutMs: 1000, run: async command => await command(client), subscribe: () => ({ close: async () => {} }), track: () => ({ isHeard: false, isFresh: () => false, close: () => {} }), ready: async () => {}, onReconnected: () => () => {}, close: async () => {} }
  const store = createRedisStore({ link, secret })
  t.teardown(() => store.close())
  const asked = async (): Promise<number[]> => await Promise.all(masters.map(async master => Number(/cmdstat_info:calls=(\d+)/.exec(await master.command('INFO', 'commandstats') as string)?.[1] ?? 0)))
  const askedSince = async (work: () => Promise<unknown>): Promise<number[]> => {
    const before = await asked()
    await work()
    // Each look at the counts is one more.
    return (await asked()).map((count, place) => count - (before[place] ?? 0) - 1)
  }

  for (let turn = 0; turn < 6; turn++) {
    const stored = await store.create(sampleSession(), systemClock() + 100)
    const keys = await Promise.all(masters.map(async master => (await master.command('KEYS', 'app:sessions:*') as string[]).some(key => /^app:sessions:[\w-]{43}$/.test(key))))
    t.same(await askedSince(() => store.destroy(stored)), keys.map(Number))
  }
  t.same(await askedSince(() => store.revoke({ id: 'nobody' }, systemClock())), [1, 1, 1])
})
