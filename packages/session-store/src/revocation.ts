import type { EpochSeconds, RevocationTarget, SessionIdentity } from './session.ts'

// Browsers keep no cookie longer than this (RFC 6265bis, section 5.5), so no session outlives it.
const LONGEST_SESSION_LIFE = 400 * 86400

/**
 * Whether a revocation ends a session. An id names one session, whenever it was issued. A subject or a
 * provider session names what was issued at or before the instant: instants are whole seconds, and in
 * the second that a login and a logout share the logout wins.
 * @param before seconds, on the provider's clock like `issuedAt`
 */
export function isEndedBy (target: RevocationTarget, before: EpochSeconds, session: SessionIdentity): boolean {
  if ('id' in target) return session.id === target.id
  if (session.issuer !== target.issuer || session.issuedAt > before) return false
  return 'subject' in target
    ? session.subject === target.subject
    : session.providerSessionId === target.providerSessionId
}

/**
 * For how long an end mark has to be kept so that no session which it ended is still sealed somewhere.
 * @param absoluteTimeout seconds, as `session.absolute_timeout`; 0 is no limit
 * @returns seconds
 */
export function endMarkLife (absoluteTimeout: number): number {
  return absoluteTimeout === 0 ? LONGEST_SESSION_LIFE : absoluteTimeout
}
