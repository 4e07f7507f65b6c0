import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import { createRedisStore } from 'fastify-oidc-redis-store'
import { sessionStoreContract } from 'fastify-oidc-session-store/contract'
import { createPlainLink } from '../redis-store/support/plain-link.ts'
import { startRedis } from '../support/redis-server.ts'

const secret = 'a secret of the contract, long enough'
const redis = await startRedis(t)
const client = new Redis(redis.socket)
const link = createPlainLink(t, client)
t.teardown(() => { client.disconnect() })

for (const { name, run } of sessionStoreContract) {
  t.test(`redis store: ${name}`, () => run({ createStore: ({ clock }) => createRedisStore({ link, secret, prefix: randomUUID(), clock }) }))
}

for (const { name, run } of sessionStoreContract) {
  t.test(`redis store that remembers nothing: ${name}`, () => run({ createStore: ({ clock }) => createRedisStore({ link, secret, prefix: randomUUID(), clock, maxOpenedSessions: 0 }) }))
}
