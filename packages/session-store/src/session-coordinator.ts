import type { EpochSeconds, RevocationTarget, SessionIdentity } from './session.ts'

/** A lock that is held. */
export interface Lock {
  /** Wakes those who wait. Releasing a lock whose life has passed, or twice, does nothing. */
  release (): Promise<void>
}

/** What instances that serve the same sessions tell each other. Every one passes the suite of `fastify-oidc-session-store/contract`. */
export interface SessionCoordinator {
  /** At most one holder per key until release or ttlMs. Does not wait: null means that another holds it. */
  lock (key: string, ttlMs: number): Promise<Lock | null>
  /** Resolves when the holder releases or its lock's life ends, else after maxMs; at once when nobody holds it. */
  waitForRelease (key: string, maxMs: number): Promise<void>
  /** A renewal's sealed result, for those who wait and for late tabs with the old cookie. */
  publishResult (key: string, sealed: string, ttlMs: number): Promise<void>
  /** null: none, over, or evicted. Taking it does not remove it: several may wait for the same. */
  takeResult (key: string): Promise<string | null>
  /**
   * Sessions of this target that were issued at or before this instant are over, everywhere; an id ends its
   * session whenever it was issued. Instants are whole seconds: in the second that they share, a logout wins
   * over a login. The mark is kept until `until`.
   */
  end (target: RevocationTarget, before: EpochSeconds, until: EpochSeconds): Promise<void>
  hasEnded (session: SessionIdentity): boolean | Promise<boolean>
  /** Answers the function that takes the listener off again. A listener must not throw; when one does, the others still hear of it and `end` rejects. */
  onEnded (listener: (target: RevocationTarget, before: EpochSeconds) => void): () => void
  /** Resolves when the others can be reached. */
  ready (): Promise<void>
  close (): Promise<void>
}
