import type { SessionCoordinator, SessionStore } from 'fastify-oidc-session-store'

declare module 'fastify' {
  interface FastifyInstance {
    oidcSessionStore: SessionStore
    oidcSessionCoordinator: SessionCoordinator
  }
}
