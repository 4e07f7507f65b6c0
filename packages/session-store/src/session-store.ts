import type { EpochSeconds, RevocationTarget, Session, SessionSummary, StoredSession } from './session.ts'

/** How often a session was answered from memory, and how often the place where it lives was asked. */
export interface CacheCounts {
  readonly hits: number
  readonly misses: number
}

/** The same for who counts. */
export interface CacheTally {
  hits: number
  misses: number
}

/** What is there when it is asked, and not a moment ago: who holds the lock of a renewal has to know which refresh token is spent. */
export type ReadDemand = 'newest'

/**
 * Where sessions live. A store turns a session into a handle and a handle back into a session; it knows
 * neither cookies nor lifetimes. Every store passes the suite of `fastify-oidc-session-store/contract`.
 *
 * Every method rejects with `FST_OIDC_STORE_UNAVAILABLE` when the place cannot be reached: an outage is
 * never answered as "no session".
 */
export interface SessionStore {
  readonly name: string
  /** False when a session lives in the browser alone and nothing can end it from outside: `revoke` rejects. */
  readonly revocable: boolean
  /** Of a store that answers from memory. Grows. */
  readonly cache?: CacheCounts
  /** Of a store that remembers what it has opened: how often a session needed no opening, and how often it did. Grows. */
  readonly opened?: CacheCounts
  /** Always a new handle (session fixation). A revocation that runs meanwhile wins: the session is then made, and is over. */
  create (session: Session, expiresAt: EpochSeconds): Promise<StoredSession>
  /**
   * null: unknown, expired, destroyed, revoked or forged. Never an error for a handle that an attacker made up.
   * A store may answer from memory what was so less than a second ago, unless the newest is demanded.
   */
  get (handle: string, demand?: ReadDemand): Promise<StoredSession | null>
  /** Compare-and-set by revision. null: gone, or changed since it was read. Never brings a destroyed session back. */
  update (stored: StoredSession, session: Session, expiresAt: EpochSeconds): Promise<StoredSession | null>
  /** The same session with another end. null: gone. */
  touch (stored: StoredSession, expiresAt: EpochSeconds): Promise<StoredSession | null>
  /** For logout: whatever the revision. The session's id is not to be used again. */
  destroy (stored: StoredSession): Promise<void>
  /**
   * For a refused renewal: only if nobody has renewed since it was read. Where sessions live in browsers no
   * newer revision can be seen: there it is `destroy`, and who calls it looks for a published result first.
   */
  destroyIfUnchanged (stored: StoredSession): Promise<void>
  /**
   * Ends what matches and was issued at or before the instant; an id ends its session whenever it was issued.
   * A login that the revocation overtakes is over too. Answers how many; null where they live in
   * browsers and cannot be counted.
   * @throws FST_OIDC_STORE_NOT_REVOCABLE when `revocable` is false
   */
  revoke (target: RevocationTarget, before: EpochSeconds): Promise<number | null>
  /** @throws FST_OIDC_STORE_NOT_INSPECTABLE where sessions live in browsers */
  inspect (target: RevocationTarget | 'all'): AsyncIterable<SessionSummary>
  /** Resolves when the store can answer. */
  ready (): Promise<void>
  close (): Promise<void>
}
