import fastifyRedis from '@fastify/redis'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'

/** @fastify/redis waits for a client to be connected and fails the boot when it is not in time; this is the same without the wait. */
const unconnected = fp<{ client: Redis | Cluster }>(async (fastify, { client }) => {
  fastify.decorate('redis', client as typeof fastify.redis)
}, { name: '@fastify/redis', fastify: '5.x' })

/** Gives a scope `fastify.redis`, unless it has one. */
export async function provideFastifyRedis (fastify: FastifyInstance, client: Redis | Cluster): Promise<void> {
  if (fastify.hasDecorator('redis')) return
  await fastify.register(client.status === 'ready' ? fastifyRedis : unconnected, { client })
}
