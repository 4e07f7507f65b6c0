import { randomBytes } from 'node:crypto'
import type { Clock, Session, SessionStore, StoredSession } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { assuranceOf } from '../session/assurance.ts'
import { expiryOf, type Lifetimes } from '../session/lifetime.ts'

interface IssueRoom {
  readonly store: SessionStore
  readonly settings: OidcSettings
  readonly lifetimes: Lifetimes
  readonly clock: Clock
  readonly issuer: string | null
}

/** A session of this client that no provider has seen. */
export async function issueSession ({ store, settings, lifetimes, clock, issuer }: IssueRoom, overrides: Partial<Session>): Promise<StoredSession> {
  const now = clock()
  const subject = overrides.subject ?? String(overrides.idTokenClaims?.sub ?? 'somebody')
  const session: Session = {
    id: randomBytes(16).toString('base64url'),
    issuer: issuer ?? settings.discovery.replace(/\/\.well-known\/.*$/, ''),
    subject,
    providerSessionId: null,
    issuedAt: now,
    createdAt: now,
    authenticatedAt: now,
    accessToken: null,
    accessTokenExpiresAt: null,
    assurance: assuranceOf(overrides.idTokenClaims ?? {}, null, now, settings.iat_slack),
    scope: settings.scope,
    idTokenClaims: { sub: subject },
    userinfo: null,
    renewedFrom: null,
    cold: { refreshToken: null, idToken: null },
    ...overrides,
    discovery: settings.discovery,
    clientId: settings.client_id
  }
  return await store.create(session, expiryOf(session, lifetimes, now))
}
