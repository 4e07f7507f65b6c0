import type { FastifyInstance } from 'fastify'
import { cookieStore } from 'fastify-oidc-cookie-store'
import { StoreConflictError, createMemoryStore, sharedProcessCoordinator, sharedWorkerCoordinator, type SessionCoordinator, type SessionStore } from 'fastify-oidc-session-store'
import { clientKey } from '../cookie/cookie-names.ts'
import { HandlesKeptError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { loadRedis } from './redis-package.ts'

/** Where the sessions of one core live, and what those who serve them agree through. */
export interface SessionBackend {
  readonly store: SessionStore
  readonly coordinator: SessionCoordinator
}

function sealingOf ({ session }: OidcSettings): { secret: string, secret_fallbacks: string[] } {
  return { secret: session.secret, secret_fallbacks: [...session.secret_fallbacks] }
}

/** A store that the scope has already decides, whatever it is; it may bring a coordinator with it. */
function takeGiven (fastify: FastifyInstance, { session }: OidcSettings, writesStorage: boolean): SessionStore {
  if (writesStorage) throw new StoreConflictError()
  if ((session.rolling_timeout ?? 0) > 0 && fastify.oidcSessionStore.name !== 'cookie') throw new HandlesKeptError()
  return fastify.oidcSessionStore
}

async function registerRedis (fastify: FastifyInstance, settings: OidcSettings): Promise<SessionStore> {
  const { redisStore } = await loadRedis()
  const { absolute_timeout: absolute, redis } = settings.session
  await fastify.register(redisStore, { session: { ...sealingOf(settings), absolute_timeout: absolute, redis }, binding: clientKey(settings) })
  return fastify.oidcSessionStore
}

async function registerCookie (fastify: FastifyInstance, settings: OidcSettings): Promise<SessionStore> {
  await fastify.register(cookieStore, { session: { ...sealingOf(settings), absolute_timeout: settings.session.absolute_timeout }, binding: clientKey(settings) })
  return fastify.oidcSessionStore
}

/** Before the store: it agrees through what the scope has. */
async function provideCoordinator (fastify: FastifyInstance, settings: OidcSettings): Promise<void> {
  if (fastify.hasDecorator('oidcSessionCoordinator')) return
  const { coordination, redis } = settings.session
  if (coordination === 'workers') fastify.decorate('oidcSessionCoordinator', await sharedWorkerCoordinator())
  if (coordination === 'redis') {
    const { redisCoordination } = await loadRedis()
    await fastify.register(redisCoordination, { session: { ...sealingOf(settings), redis } })
  }
}

async function provideStore (fastify: FastifyInstance, settings: OidcSettings, writesStorage: boolean): Promise<SessionStore> {
  if (fastify.hasDecorator('oidcSessionStore')) {
    const given = takeGiven(fastify, settings, writesStorage)
    await provideCoordinator(fastify, settings)
    return given
  }
  if (settings.bearer_only) {
    // Whoever looks for a store finds one in which nobody is.
    fastify.decorate('oidcSessionStore', createMemoryStore({ maxSessions: 1 }))
    return fastify.oidcSessionStore
  }
  if (settings.session.storage === 'redis') return await registerRedis(fastify, settings)
  await provideCoordinator(fastify, settings)
  return await registerCookie(fastify, settings)
}

/**
 * What the scope has already, or what the options ask for.
 * @throws FST_OIDC_STORE_CONFLICT, FST_OIDC_HANDLES_KEPT, FST_OIDC_REDIS_STORE_MISSING, FST_OIDC_NOT_COORDINATED
 */
export async function takeSessionBackend (fastify: FastifyInstance, settings: OidcSettings, writesStorage: boolean): Promise<SessionBackend> {
  const store = await provideStore(fastify, settings, writesStorage)
  return { store, coordinator: fastify.hasDecorator('oidcSessionCoordinator') ? fastify.oidcSessionCoordinator : sharedProcessCoordinator() }
}
