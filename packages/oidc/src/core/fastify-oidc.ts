import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify'
import type { Session } from 'fastify-oidc-session-store'
import type { OwnCookies } from '../cookie/own-cookies.ts'
import type { RenderError } from '../http/error-page.ts'
import type { GuardOptions } from '../http/guard.ts'
import type { Asked } from '../http/open-requests.ts'
import type { PageAnswer } from '../http/page.ts'
import type { RouteRequirement } from '../http/route-policies.ts'
import type { ShownError } from '../http/shown-error.ts'
import type { Memories } from '../memories.ts'
import type { RoutePolicy } from '../policy/schema.ts'
import type { ExplainedCaller, Explanation } from './explain.ts'
import type { OpenApi, OpenApiNames } from './openapi.ts'
import type { EndedSession } from '../routes/logout.ts'
import type { LocalIdentity, LocalUsers } from '../session/local-users.ts'

/** Whose sessions to end. `sub` and `sid` belong to an issuer: the one that is named, else this core's provider, which is asked who it is. */
export type RevokeTarget =
  | { readonly sub: string, readonly issuer?: string }
  | { readonly sid: string, readonly issuer?: string }
  | { readonly id: string }

/** Answers a visit without a session; a login that begins from there should come back to `returnTo`, a path of this origin. */
export type LoginOffer = (request: FastifyRequest, reply: FastifyReply, returnTo: string) => Promise<FastifyReply>

/** `fastify.oidc`. */
export interface FastifyOidc {
  /** The provider's issuer; null until its metadata were read once. */
  readonly issuer: string | null
  /** Path that the provider's answers come to, as the browser sees it; null: one beside each route, or, with `bearer_only`, none. */
  readonly callbackPath: string | null
  /**
   * Sends the browser to the provider; it comes back to `returnTo`: a path of the same origin, or an absolute address on a host of `whitelist_domains`. Default: what was asked for; anything else: the home of this scope. `parameters` of the authorization request go in place of those of `authorization_params`, by name; what the login sets itself is a TypeError.
   * @throws FST_OIDC_PROVIDER_UNAVAILABLE
   */
  login (request: FastifyRequest, reply: FastifyReply, options?: { returnTo?: string, parameters?: Readonly<Record<string, readonly string[]>> }): Promise<FastifyReply>
  /** Has visits without a session answered by a page that offers a login, in place of the way to the provider; of several the last holds. Whoever is not on a visit gets 401 as before. */
  offerLogin (offer: LoginOffer): void
  /** Ends the session here and at the provider. */
  logout (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  /**
   * Ends the session here alone, clears its cookie and answers nothing: what follows is for the caller to send.
   * @throws FST_OIDC_STORE_UNAVAILABLE: then the session still lives
   */
  endSession (request: FastifyRequest, reply: FastifyReply): Promise<EndedSession>
  /**
   * Does the browser carry a session that lives? It stays as it is.
   * @throws FST_OIDC_STORE_UNAVAILABLE
   */
  hasSession (request: FastifyRequest): Promise<boolean>
  /** Does another site send this request, by what a browser cannot be made to lie about (`Sec-Fetch-Site`, else `Origin`)? */
  isCrossSite (request: FastifyRequest): boolean
  /**
   * What a browser may be sent to of an address that somebody else wrote: a path of this origin, or an absolute address on
   * a host of `whitelist_domains`, as a URL parser writes it; null: neither.
   */
  returnTarget (request: FastifyRequest, address: string): string | null
  /** Answers with an error of this package family as the guard does: a page for who looks at one, else JSON. Any other error is thrown again. */
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply
  /** Errors look like this from now on, for who looks at a page; its headers are the renderer's, its status is not. */
  showErrors (render: RenderError): void
  /** An error of the application's own as the errors of this plugin look, to be sent as it is; null: the request is a program's, or `api_routes` or `force_json_errors` say so. */
  errorPage (request: FastifyRequest, error: ShownError): PageAnswer | null
  /**
   * A policy for code that cannot set route config, as an `onRequest` hook.
   * @throws FST_OIDC_POLICY_INVALID
   */
  guard (policy: RoutePolicy, options?: GuardOptions): onRequestAsyncHookHandler
  /** Does `skip_auth_routes`, `skip_auth_preflight` or `trusted_ips` let a request pass without a session? For whoever answers on behalf of another server: what it is asked about, null where it cannot tell. */
  isOpen (request: FastifyRequest, asked: Asked): boolean
  routes (): readonly RouteRequirement[]
  /** What the routes require as OpenAPI 3 says it: security schemes, and a `transform` for @fastify/swagger. Names of the schemes matter where several scopes stand in one document. */
  openapi (names?: OpenApiNames): OpenApi
  /** Says what would become of a request whose route is found, with this caller, and why; nothing is answered. Cookies, and what other sites may send, are not looked at. For operators and tests. */
  explain (request: FastifyRequest, caller: ExplainedCaller): Promise<Explanation>
  /**
   * Ends sessions from outside. Answers how many; null where they live in browsers and cannot be counted.
   * @throws FST_OIDC_STORE_NOT_REVOCABLE, FST_OIDC_STORE_UNAVAILABLE, FST_OIDC_PROVIDER_UNAVAILABLE (without `issuer`)
   */
  revoke (target: RevokeTarget): Promise<number | null>
  /** Calls the listener once when the session of this request ends: logout, revocation or expiry. Answers the function that takes it off. */
  onSessionEnd (request: FastifyRequest, listener: () => void): () => void
  /**
   * Resolves when the provider, the store of sessions with what instances agree through, and `consumer.redis` can answer; or the one part that is named.
   * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_STORE_UNAVAILABLE, FST_OIDC_CONSUMERS_UNAVAILABLE
   */
  ready (part?: 'provider' | 'sessions' | 'consumers'): Promise<void>
  /** What is found in memory, for metrics. */
  readonly memories: Memories
  readonly cookies: OwnCookies
  /**
   * Takes users whom the application vouches for itself beside those of the provider. Once for each core, before it listens.
   * @throws FST_OIDC_LOCAL_USERS_TAKEN, FST_OIDC_BEARER_ONLY
   */
  useLocalUsers (users: LocalUsers<FastifyRequest>): void
  /**
   * Makes a session for one of them, in place of the one that came along, and sets its cookie; what follows is for the
   * caller to send. It has no tokens, is never renewed, and ends by `session.absolute_timeout`, or after 24 hours where that is 0.
   * @throws FST_OIDC_LOCAL_USERS_MISSING, FST_OIDC_LOGIN_REFUSED (`hooks.onLogin`), FST_OIDC_STORE_UNAVAILABLE, FST_OIDC_BEARER_ONLY
   */
  establish (request: FastifyRequest, reply: FastifyReply, identity: LocalIdentity): Promise<void>
  /** Makes a session without a provider and answers the Cookie header that carries it: for unit tests of what stands behind this plugin. */
  issueCookie (session: Partial<Session>): Promise<string>
}
