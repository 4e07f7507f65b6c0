import type { FastifyInstance } from 'fastify'
import { cookieStore } from 'fastify-oidc-cookie-store'
import { StoreConflictError, createMemoryStore, sharedProcessCoordinator, type SessionCoordinator, type SessionStore } from 'fastify-oidc-session-store'
import { clientKey } from '../cookie/cookie-names.ts'
import { HandlesKeptError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'

/** A store that the scope has already, or the one that the options ask for. */
export async function takeStore (fastify: FastifyInstance, settings: OidcSettings, writesStorage: boolean): Promise<SessionStore> {
  if (fastify.hasDecorator('oidcSessionStore')) {
    if (writesStorage) throw new StoreConflictError()
    if ((settings.session.rolling_timeout ?? 0) > 0 && fastify.oidcSessionStore.name !== 'cookie') throw new HandlesKeptError()
    return fastify.oidcSessionStore
  }
  if (settings.bearer_only) {
    // Whoever looks for a store finds one in which nobody is.
    fastify.decorate('oidcSessionStore', createMemoryStore({ maxSessions: 1 }))
    return fastify.oidcSessionStore
  }
  const { secret, secret_fallbacks: fallbacks, absolute_timeout: absolute } = settings.session
  await fastify.register(cookieStore, { session: { secret, secret_fallbacks: [...fallbacks], absolute_timeout: absolute }, binding: clientKey(settings) })
  return fastify.oidcSessionStore
}

/** What the scope's store agrees through, or else this process. */
export function takeCoordinator (fastify: FastifyInstance): SessionCoordinator {
  return fastify.hasDecorator('oidcSessionCoordinator') ? fastify.oidcSessionCoordinator : sharedProcessCoordinator()
}
