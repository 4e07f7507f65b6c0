import type { SessionCoordinator, SessionStore } from 'fastify-oidc-session-store'
import type { FastifyOidc } from './core/fastify-oidc.ts'
import type { RequestOidc } from './http/request-oidc.ts'
import type { RoutePolicy } from './policy/schema.ts'

declare module 'fastify' {
  interface FastifyInstance {
    oidc: FastifyOidc
    oidcSessionStore: SessionStore
    /** What the instances that serve the same sessions agree through; without one they agree within the process. */
    oidcSessionCoordinator: SessionCoordinator
  }
  interface FastifyRequest {
    oidc: RequestOidc
  }
  interface FastifyContextConfig {
    oidc?: RoutePolicy | false
  }
}
