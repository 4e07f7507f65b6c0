import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { StoreConflictError } from 'fastify-oidc-session-store'
import './augment.ts'
import { CoordinatorConflictError } from './errors.ts'
import { warnOfEviction } from './eviction.ts'
import { provideFastifyRedis } from './fastify-redis.ts'
import { createLinkThrough, createRedisLink } from './link.ts'
import { parseRedisCoordinationOptions, parseRedisStoreOptions, type RedisCoordinationInput, type RedisCoordinationPluginOptions, type RedisStorePluginInput } from './options.ts'
import { createRedisCoordinator } from './redis-coordinator.ts'
import type { RedisLink } from './redis-link.ts'
import { createRedisStore } from './redis-store.ts'

const STORE = 'fastify-oidc-redis-store'
const COORDINATION = 'fastify-oidc-redis-coordination'

// Fastify gives a plugin 10 s; a time-out above this must not end the boot.
const LONGEST_BOOT_WAIT_MS = 5000

/** A Redis that does not answer has been told of in the log by then; the boot goes on without it. */
async function waitForFirstAnswer (link: RedisLink, log: FastifyBaseLogger): Promise<void> {
  let timer: NodeJS.Timeout | null = null
  const enough = new Promise<void>(resolve => { timer = setTimeout(resolve, LONGEST_BOOT_WAIT_MS) })
  await Promise.race([link.ready().then(() => warnOfEviction(link, log)).catch(() => {}), enough])
  if (timer !== null) clearTimeout(timer)
}

async function openLink (fastify: FastifyInstance, { session, client }: RedisCoordinationPluginOptions): Promise<RedisLink> {
  const link = client === undefined ? createRedisLink(session.redis, fastify.log) : createLinkThrough(client, session.redis, fastify.log)
  fastify.addHook('onClose', () => link.close())
  await waitForFirstAnswer(link, fastify.log)
  if (client === undefined) await provideFastifyRedis(fastify, link.client)
  return link
}

function decorateCoordinator (fastify: FastifyInstance, link: RedisLink, { session }: RedisCoordinationPluginOptions): ReturnType<typeof createRedisCoordinator> {
  const coordinator = createRedisCoordinator({ link, secret: session.secret, fallbacks: session.secret_fallbacks, prefix: session.redis.prefix })
  fastify.decorate('oidcSessionCoordinator', coordinator)
  // Hooks of this kind run last first: the link closes after those who use it.
  fastify.addHook('onClose', () => coordinator.close())
  return coordinator
}

const store: FastifyPluginAsync<RedisStorePluginInput> = async (fastify, input) => {
  const options = parseRedisStoreOptions(STORE, input)
  if (Object.hasOwn(fastify, 'oidcSessionStore')) throw new StoreConflictError()
  if (Object.hasOwn(fastify, 'oidcSessionCoordinator')) throw new CoordinatorConflictError()
  const link = await openLink(fastify, options)
  const { session, binding } = options
  const coordinator = decorateCoordinator(fastify, link, options)
  const sessions = createRedisStore({
    link,
    secret: session.secret,
    fallbacks: session.secret_fallbacks,
    binding,
    prefix: session.redis.prefix,
    absoluteTimeout: session.absolute_timeout,
    coordinator,
    clientCache: session.redis.client_cache ?? true
  })
  fastify.decorate('oidcSessionStore', sessions)
  fastify.addHook('onClose', () => sessions.close())
}

const coordination: FastifyPluginAsync<RedisCoordinationInput> = async (fastify, input) => {
  const options = parseRedisCoordinationOptions(COORDINATION, input)
  if (Object.hasOwn(fastify, 'oidcSessionCoordinator')) throw new CoordinatorConflictError()
  decorateCoordinator(fastify, await openLink(fastify, options), options)
}

/**
 * Keeps sessions in Redis: decorates `fastify.oidcSessionStore` and `fastify.oidcSessionCoordinator`, and `fastify.redis` where there is none.
 * A Redis that cannot be reached does not stop the boot: `oidcSessionStore.ready()` tells of it.
 * @throws FST_OIDC_OPTIONS_INVALID for options that do not hold
 * @throws FST_OIDC_STORE_CONFLICT when the scope has a store already
 * @throws FST_OIDC_COORDINATOR_CONFLICT when the scope has a coordinator already
 */
export const redisStore = fp(store, { name: STORE, fastify: '5.x' })

/**
 * Lets the instances that share a Redis agree, wherever sessions live: decorates `fastify.oidcSessionCoordinator`.
 * @throws FST_OIDC_OPTIONS_INVALID for options that do not hold
 * @throws FST_OIDC_COORDINATOR_CONFLICT when the scope has a coordinator already
 */
export const redisCoordination = fp(coordination, { name: COORDINATION, fastify: '5.x' })
