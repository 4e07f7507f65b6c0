/** Whole seconds since 1970-01-01T00:00:00Z. */
export type EpochSeconds = number

export type Claims = Readonly<Record<string, unknown>>

/** What tells one session from another, and what a logout token can name. */
export interface SessionIdentity {
  /** Random, given at login, the same through every renewal. Not the handle: knowing it opens nothing. */
  readonly id: string
  readonly issuer: string
  readonly subject: string
  /** The provider's own session id (`sid` of the ID token), where it sends one. */
  readonly providerSessionId: string | null
  /** `iat` of the ID token of the last login: the provider's clock, so that a logout token is held against the same one. */
  readonly issuedAt: EpochSeconds
}

/** What an ordinary request does not need. A store may open it only when it is read. */
export interface ColdSession {
  readonly refreshToken: string | null
  /** The ID token as it was received (a signed JWT). */
  readonly idToken: string | null
}

/** How somebody proved at the login who they are, by the provider's word. */
export interface Assurance {
  /** `acr` of the ID token. */
  readonly acr: string | null
  /** `auth_time` of the ID token, by the provider's clock: a renewal does not move it. */
  readonly authTime: EpochSeconds | null
  /** Key of what the login was asked for and did not bring; null: nothing was, or it did. */
  readonly unmet: string | null
}

/** A login, as it was at one moment. Immutable: a renewal makes a new one. */
export interface Session extends SessionIdentity {
  /** The configured discovery URL and client: a session of one client is worthless at another. */
  readonly discovery: string
  readonly clientId: string
  readonly createdAt: EpochSeconds
  /** When the provider last confirmed the user by a login, silent ones included. */
  readonly authenticatedAt: EpochSeconds
  readonly accessToken: string | null
  readonly accessTokenExpiresAt: EpochSeconds | null
  /** null: the provider did not say, and nothing was asked for. */
  readonly assurance: Assurance | null
  readonly scope: string | null
  readonly idTokenClaims: Claims | null
  readonly userinfo: Claims | null
  /** The renewal key that the predecessor of this revision had; null before the first renewal. */
  readonly renewedFrom: string | null
  readonly cold: ColdSession
}

/** A session where a store keeps it. */
export interface StoredSession {
  /** What the browser keeps. Whoever has it has the session. */
  readonly handle: string
  /** Grows with each `update`. */
  readonly revision: number
  readonly expiresAt: EpochSeconds
  readonly session: Session
}

/** Whose sessions a revocation ends. */
export type RevocationTarget =
  | { readonly id: string }
  | { readonly issuer: string, readonly subject: string }
  | { readonly issuer: string, readonly providerSessionId: string }

/** For operators: who and since when, never a token or a handle. */
export interface SessionSummary extends SessionIdentity {
  readonly clientId: string
  readonly createdAt: EpochSeconds
  readonly expiresAt: EpochSeconds
}

/** The current time. Comes in as a parameter wherever time matters, so that tests own it. */
export type Clock = () => EpochSeconds

export const systemClock: Clock = () => Math.floor(Date.now() / 1000)
