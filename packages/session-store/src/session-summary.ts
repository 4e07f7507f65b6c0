import type { EpochSeconds, Session, SessionSummary } from './session.ts'

/** Of a session what `inspect` tells. */
export function summaryOf ({ id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }: Session, expiresAt: EpochSeconds): SessionSummary {
  return { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt, expiresAt }
}
