import type { Claims, EpochSeconds, StoredSession } from 'fastify-oidc-session-store'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { MappedConsumer } from '../consumer/consumer-mapping.ts'
import type { PolicySubject } from '../policy/subject.ts'
import type { ConsumerView, Credential } from './consumer-view.ts'
import type { SessionView } from './session-view.ts'

/**
 * The claims of the ID token (OpenID Connect Core 1.0, section 5.1). Add your provider's own by
 * `declare module 'fastify-oidc' { interface IdTokenClaims { readonly department: string } }`.
 */
export interface IdTokenClaims extends Claims {
  readonly sub: string
  readonly name?: string
  readonly preferred_username?: string
  readonly email?: string
  readonly email_verified?: boolean
}

/** Who the caller is, as the guard found it. Nobody can change it; never null after `onRequest`. */
export interface RequestOidc<TClaims extends Claims = IdTokenClaims> {
  readonly authenticated: boolean
  /** `basic`: name and password of somebody whom the application vouches for itself. Those that the provider exchanged for a token are `bearer`. */
  readonly via: 'session' | 'bearer' | 'basic' | null
  /** The ID token's claims for a session; for a bearer token what it says itself, or what the provider says of it. */
  readonly claims: Readonly<TClaims> | null
  /** For a bearer token the same as `claims`. */
  readonly userinfo: Claims | null
  /** Scopes that were granted, or those of `scopes_claim`. */
  readonly scopes: readonly string[]
  /** By `groups_claim`. */
  readonly groups: readonly string[]
  /** By `user_id_claim`. */
  readonly user: string | null
  /** By `email_claim`; null as well where the provider says that it is not verified. */
  readonly email: string | null
  /** By `consumer.claims`; null where nothing is mapped, or the caller is no consumer. */
  readonly consumer: MappedConsumer | null
  /** A name for the caller by `consumer.credential_claim`, a key for rate limits and the like; null where nobody is known, or the claim is not there. */
  readonly credential: Credential | null
  /** The session's id, for logs: it opens nothing. null without a session. */
  readonly sessionId: string | null
  /** When the session ends unless it is used, or the bearer token expires. */
  readonly expiresAt: EpochSeconds | null
  /** null once it has expired, or where none is kept. */
  readonly accessToken: string | null
  /** The ID token as it was received. */
  readonly idToken: string | null
  /** What an upstream is told, by lower-case header name. */
  readonly identityHeaders: Readonly<Record<string, string>>
  /**
   * An access token that lives, renewed if it has to be.
   * @returns null when nobody is logged in, or the session has no access token that can be renewed
   * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_STORE_UNAVAILABLE
   */
  freshAccessToken (): Promise<string | null>
}

const NOTHING: readonly string[] = Object.freeze([])

/** Nobody. */
export const ANONYMOUS: RequestOidc = Object.freeze({
  authenticated: false,
  via: null,
  claims: null,
  userinfo: null,
  scopes: NOTHING,
  groups: NOTHING,
  user: null,
  email: null,
  consumer: null,
  credential: null,
  sessionId: null,
  expiresAt: null,
  accessToken: null,
  idToken: null,
  identityHeaders: Object.freeze({}),
  freshAccessToken: async () => null
})

/** What a fresh token needs: the request that asks, and the reply that may carry a new cookie. */
interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  freshAccessToken (request: FastifyRequest, reply: FastifyReply): Promise<string | null>
}

/** A session's user. Getters over what the session's requests share, so that making one costs next to nothing. */
export class SessionOidc implements RequestOidc {
  readonly #stored: StoredSession
  readonly #view: SessionView
  readonly #now: EpochSeconds
  readonly #exchange: Exchange
  #consumer: ConsumerView | null = null

  constructor (stored: StoredSession, view: SessionView, now: EpochSeconds, exchange: Exchange) {
    this.#stored = stored
    this.#view = view
    this.#now = now
    this.#exchange = exchange
  }

  /** For this package: the handle must not be within reach of an application's logs. */
  static storedOf (oidc: RequestOidc | null): StoredSession | null {
    return oidc !== null && #stored in oidc ? oidc.#stored : null
  }

  /** Who a policy looks at; null: it is no session's user. */
  static subjectOf (oidc: RequestOidc): PolicySubject | null {
    return #view in oidc ? oidc.#view.subject : null
  }

  /** False: it is no session's user. */
  static assign (oidc: RequestOidc, view: ConsumerView | null): boolean {
    if (!(#consumer in oidc)) return false
    oidc.#consumer = view
    return true
  }

  /** A new revision of a session is the same consumer for the request that made it. */
  static carryOver (from: RequestOidc, to: RequestOidc): void {
    if (#consumer in from && #consumer in to) to.#consumer = from.#consumer
  }

  get authenticated (): boolean { return true }
  get via (): 'session' { return 'session' }
  get claims (): IdTokenClaims | null { return this.#view.claims as IdTokenClaims | null }
  get userinfo (): Claims | null { return this.#view.userinfo }
  get scopes (): readonly string[] { return this.#view.scopes }
  get groups (): readonly string[] { return this.#view.groups }
  get user (): string | null { return this.#view.user }
  get email (): string | null { return this.#view.email }
  get consumer (): MappedConsumer | null { return this.#consumer?.consumer ?? null }
  get credential (): Credential | null { return this.#view.credential }
  get sessionId (): string { return this.#stored.session.id }
  get expiresAt (): EpochSeconds { return this.#stored.expiresAt }
  get accessToken (): string | null { return this.#view.accessToken(this.#now) }
  get idToken (): string | null { return this.#stored.session.cold.idToken }
  get identityHeaders (): Readonly<Record<string, string>> {
    const headers = this.#view.identityHeaders(this.#now)
    return this.#consumer === null ? headers : this.#consumer.headersBeside(headers)
  }

  async freshAccessToken (): Promise<string | null> {
    const { request, reply, freshAccessToken } = this.#exchange
    return await freshAccessToken(request, reply)
  }
}
