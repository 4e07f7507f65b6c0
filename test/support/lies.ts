/** What can be asked of the provider. A token request with a refresh token counts as `refresh`. */
export type Endpoint = 'discovery' | 'jwks' | 'authorize' | 'token' | 'refresh' | 'userinfo' | 'end_session' | 'revocation'

/** What an endpoint does instead of answering. */
export type Failure =
  /** Never answers. */
  | 'hang'
  /** Sends a status and headers, and half of a body. */
  | 'stall'
  /** The right answer, with 10 MB more in it. */
  | 'huge'
  /** A page, with status 200. */
  | 'not_json'
  | 'server_error'
  | 'invalid_grant'
  /** Drops the connection. */
  | 'reset'
  /** Sends whoever asks to `/elsewhere`. */
  | 'redirect'

/** What is wrong with the ID token. Everything else in it is right. */
export type IdTokenLie =
  | 'bad_signature' | 'unknown_kid' | 'alg_none' | 'hs256_public_key' | 'hs256_client_secret' | 'unsupported_alg'
  | 'wrong_issuer' | 'wrong_audience' | 'wrong_azp' | 'wrong_nonce' | 'no_nonce' | 'wrong_at_hash'
  | 'expired' | 'issued_in_the_future' | 'no_subject' | 'no_expiry'
  | 'not_a_jwt' | 'missing'

/** Members that are laid over an answer; undefined takes one away. */
export type Overlay = Readonly<Record<string, unknown>>

/** What an authorization response says. */
export type CallbackLie =
  | { readonly kind: 'error', readonly error: string, readonly description?: string }
  | { readonly kind: 'wrong_issuer' }
  | { readonly kind: 'no_issuer' }
  | { readonly kind: 'wrong_state' }
  | { readonly kind: 'no_state' }

/** Everything that is not said here is right. */
export interface Lies {
  readonly idToken?: IdTokenLie
  /** Laid over the claims of the ID token before it is signed properly. */
  readonly idTokenClaims?: Overlay
  /** Laid over every token response: `expires_in`, an access token with a line break, and so on. */
  readonly tokenResponse?: Overlay
  readonly userinfo?: Overlay
  readonly discovery?: Overlay
  readonly callback?: CallbackLie
  /** Of a refresh: the ID token of somebody else, or the same refresh token again. */
  readonly refresh?: 'wrong_subject' | 'without_rotation'
  /** Proofs of possession are never good enough: each call that brings one is told to make it again, with this nonce. */
  readonly dpopNonce?: string
  readonly failures?: Readonly<Partial<Record<Endpoint, Failure>>>
  /** By how many seconds its clock is ahead, in the `Date` of its answers. */
  readonly clockAhead?: number
  /** Its keys, as they are published. */
  readonly keys?: readonly unknown[]
}

/** Holds answers back until it is opened. */
export interface Gate {
  /** Resolves when the first request waits at it. */
  readonly reached: Promise<void>
  open (): void
}

export function overlay (honest: Overlay, lie: Overlay = {}): Record<string, unknown> {
  return Object.fromEntries(Object.entries({ ...honest, ...lie }).filter(([, value]) => value !== undefined))
}
