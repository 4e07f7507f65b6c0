import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import { createRedisCoordinator } from 'fastify-oidc-redis-store'
import { sessionCoordinatorContract } from 'fastify-oidc-session-store/contract'
import { createPlainLink } from '../redis-store/support/plain-link.ts'
import { startRedis } from '../support/redis-server.ts'

const secret = 'a secret of the contract, long enough'
const redis = await startRedis(t)
const clients = [new Redis(redis.socket), new Redis(redis.socket)] as const
const links = [createPlainLink(t, clients[0]), createPlainLink(t, clients[1])] as const
t.teardown(() => { for (const client of clients) client.disconnect() })

for (const { name, run } of sessionCoordinatorContract) {
  t.test(`redis coordinator: ${name}`, () => run({
    createPair: ({ clock }) => {
      const prefix = randomUUID()
      return [createRedisCoordinator({ link: links[0], secret, prefix, clock }), createRedisCoordinator({ link: links[1], secret, prefix, clock })]
    }
  }))
}

for (const { name, run } of sessionCoordinatorContract) {
  t.test(`redis coordinators whose secret is being changed: ${name}`, () => run({
    createPair: ({ clock }) => {
      const prefix = randomUUID()
      const coming = 'the secret that comes next'
      return [createRedisCoordinator({ link: links[0], secret, prefix, clock, fallbacks: [coming] }), createRedisCoordinator({ link: links[1], secret: coming, fallbacks: [secret], prefix, clock })]
    }
  }))
}
