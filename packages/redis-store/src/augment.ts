import type { SessionCoordinator, SessionStore } from 'fastify-oidc-session-store'
import type {} from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    oidcSessionStore: SessionStore
    oidcSessionCoordinator: SessionCoordinator
  }
}
