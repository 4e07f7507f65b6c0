import type { Claims, EpochSeconds } from 'fastify-oidc-session-store'

/** Who the caller is, as the guard found it. Frozen; never null after `onRequest`. */
export interface RequestOidc<TClaims extends Claims = Claims> {
  readonly authenticated: boolean
  readonly via: 'session' | 'bearer' | null
  /** The ID token's claims for a session. */
  readonly claims: Readonly<TClaims> | null
  readonly userinfo: Claims | null
  /** Scopes that were granted. */
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  /** The session's id, for logs: it opens nothing. */
  readonly sessionId: string | null
  /** When the session ends unless it is used. */
  readonly expiresAt: EpochSeconds | null
  readonly accessToken: string | null
  /** The ID token as it was received. */
  readonly idToken: string | null
  /** What an upstream is told, by lower-case header name. */
  readonly identityHeaders: Readonly<Record<string, string>>
  /**
   * An access token that lives, renewed if it has to be.
   * @returns null when nobody is logged in, or the session has no access token that can be renewed
   */
  freshAccessToken (): Promise<string | null>
}
