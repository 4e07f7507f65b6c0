import { randomBytes, randomUUID } from 'node:crypto'
import { systemClock, type Session } from '../session.ts'

/** A login that never was: ids, subject and tokens are random, so that samples in one place do not meet. */
export function sampleSession (changes: Partial<Session> = {}): Session {
  const now = systemClock()
  const subject = randomUUID()
  return {
    id: randomUUID(),
    issuer: 'https://op.example',
    subject,
    providerSessionId: randomUUID(),
    issuedAt: now,
    discovery: 'https://op.example/.well-known/openid-configuration',
    clientId: 'client',
    createdAt: now,
    authenticatedAt: now,
    accessToken: randomBytes(300).toString('base64url'),
    accessTokenExpiresAt: now + 300,
    assurance: null,
    scope: 'openid email',
    idTokenClaims: { sub: subject, email: `${subject}@users.example`, groups: ['staff', 'admins'], address: { locality: 'Gdańsk' } },
    userinfo: null,
    renewedFrom: null,
    cold: { refreshToken: randomBytes(40).toString('base64url'), idToken: randomBytes(300).toString('base64url') },
    ...changes
  }
}
