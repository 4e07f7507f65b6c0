import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { RevocationTarget, SessionStore } from 'fastify-oidc-session-store'
import type { OwnCookies } from './cookie/own-cookies.ts'
import type { RequestOidc } from './http/request-oidc.ts'
import type { RoutePolicy } from './policy.ts'

/** Whose sessions to end, at this core's provider. */
export type RevokeTarget = { readonly sub: string } | { readonly sid: string } | { readonly id: string }

/** What one route requires. */
export interface RouteRequirement {
  readonly method: string
  readonly url: string
  /** null: open to everyone. */
  readonly policy: Required<RoutePolicy> | null
}

/** `fastify.oidc`. */
export interface FastifyOidc {
  /** The provider's issuer; null until its metadata were read once. */
  readonly issuer: string | null
  /** Sends the browser to the provider; it comes back to `returnTo` (a path of the same origin; default: what was asked for). */
  login (request: FastifyRequest, reply: FastifyReply, options?: { returnTo?: string }): Promise<FastifyReply>
  /** Ends the session here and at the provider. */
  logout (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  /** A policy for code that cannot set route config. */
  guard (policy: RoutePolicy): onRequestAsyncHookHandler
  routes (): readonly RouteRequirement[]
  /** Ends sessions from outside. Answers how many, null where they live in browsers and cannot be counted. */
  revoke (target: RevokeTarget): Promise<number | null>
  /** Calls the listener once when the session of this request ends: logout, revocation or expiry. Answers the function that takes it off. */
  onSessionEnd (request: FastifyRequest, listener: () => void): () => void
  /** Resolves when provider and store can answer. */
  ready (): Promise<void>
  readonly cookies: OwnCookies
}

declare module 'fastify' {
  interface FastifyInstance {
    oidc: FastifyOidc
    oidcSessionStore: SessionStore
  }
  interface FastifyRequest {
    oidc: RequestOidc
  }
  interface FastifyContextConfig {
    oidc?: RoutePolicy | false
  }
}

export type { RevocationTarget }
