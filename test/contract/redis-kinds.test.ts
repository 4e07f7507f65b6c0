import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createRedisCoordinator, createRedisStore, type RedisLink } from 'fastify-oidc-redis-store'
import { sessionCoordinatorContract, sessionStoreContract } from 'fastify-oidc-session-store/contract'
import { openLink, type WrittenRedis } from '../redis-store/support/links.ts'
import { startCluster } from '../support/redis-cluster.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { redisAuthority, startRedis } from '../support/redis-server.ts'

const secret = 'a secret of the contract, long enough'
// Other tests run beside this one: a server may be slow to answer, and this is not about time-outs.
const PATIENT = { connect_timeout: 10_000, read_timeout: 10_000, send_timeout: 10_000 }
const COMMANDS = '+@read +@write +@scripting +@pubsub +@connection +@transaction +info +wait +role +scan'

/** Every promise of a store and of a coordinator, all of a kind of Redis at once: each case has a prefix of its own. */
async function keepContracts (t: Test, redis: WrittenRedis, prefix: () => string = randomUUID): Promise<void> {
  const open = (): RedisLink => openLink(t, { ...PATIENT, ...redis })
  const [here, there] = [open(), open()]
  await Promise.all([here.ready(), there.ready()])
  for (const clientCache of [false, true]) {
    for (const { name, run } of sessionStoreContract) {
      await t.resolves(run({
        createStore: ({ clock }) => {
          const store = createRedisStore({ link: here, secret, prefix: prefix(), clock, clientCache })
          t.teardown(() => store.close())
          return store
        }
      }), `store${clientCache ? ' with a client cache' : ''}: ${name}`)
    }
  }
  await Promise.all(sessionCoordinatorContract.map(async ({ name, run }) => {
    await t.resolves(run({
      createPair: ({ clock }) => {
        const own = prefix()
        return [createRedisCoordinator({ link: here, secret, prefix: own, clock }), createRedisCoordinator({ link: there, secret, prefix: own, clock })]
      }
    }), `coordinator: ${name}`)
  }))
}

t.test('one server', async t => {
  const { port } = await startRedis(t)
  await keepContracts(t, { port })
})

t.test('O180: a master that Sentinel names, with replicas that have to hear of each end', async t => {
  const { sentinels, masterName } = await startSentinel(t, { downAfterMs: 10_000 })
  await keepContracts(t, { sentinels: [...sentinels], master_name: masterName })
})

t.test('O180: a cluster of three masters', async t => {
  const { nodes } = await startCluster(t)
  await keepContracts(t, { cluster: [...nodes] })
})

t.test('a server with TLS, and a user who may do what the README lists and no more', async t => {
  const { port } = await startRedis(t, { tls: 'server', password: 'the admin', users: [`app on >open-sesame ~own:* &own:* &__redis__:invalidate ${COMMANDS}`] })
  await keepContracts(t, { port, ssl: true, ca: redisAuthority, username: 'app', password: 'open-sesame' }, () => `own:${randomUUID()}`)
})
