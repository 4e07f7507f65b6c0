import { endMarkLife, type EpochSeconds } from 'fastify-oidc-session-store'

/** No cookie lives longer; a longer life would overflow what Redis counts in. */
const LONGEST_MS = endMarkLife(0) * 1000

/** Milliseconds for PEXPIRE until an instant. Relative, so that the clock of Redis need not be ours; 0 or less ends the key at once. */
export function lifeUntilMs (end: EpochSeconds, now: EpochSeconds): number {
  return Math.min((end - now) * 1000, LONGEST_MS)
}

/** Milliseconds for PX, which takes whole ones above 0. */
export function lifeMs (ttlMs: number): number {
  return Math.min(Math.max(1, Math.ceil(ttlMs)), LONGEST_MS)
}
