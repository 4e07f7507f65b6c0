import { randomBytes } from 'node:crypto'
import type { Claims, EpochSeconds, Session } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { placeClaim, type ClaimPath } from '../policy/claim-path.ts'

/** The issuer of everybody whom the application vouches for itself; that of a provider is a URL. */
export const LOCAL_ISSUER = 'urn:fastify-oidc:local'

/** Somebody whom the application vouches for itself: no provider knows of it, and there is no token and no e-mail address. */
export interface LocalIdentity {
  readonly user: string
  readonly groups: readonly string[]
  /** Says which credential it was: sessions made with a former one are over. */
  readonly stamp: string
}

/** A name and a password, as the scheme `Basic` carries them (RFC 7617). */
export interface NameAndPassword {
  readonly name: string
  readonly password: string
}

/** Who knows the users that no provider knows. */
export interface LocalUsers<TRequest> {
  /** Is that credential still good? Asked at each request of a session that was made with it. */
  isCurrent (user: string, stamp: string): boolean
  /**
   * Who is it, where requests may bring name and password in `Authorization: Basic`? null: nobody, and the request goes on without. The same object for the same credential.
   * Not given: no request may.
   */
  readonly verify?: (credential: NameAndPassword, request: TRequest) => LocalIdentity | null | Promise<LocalIdentity | null>
}

/** The one place for them in a core. */
export interface LocalUsersPlace<TRequest> {
  users: LocalUsers<TRequest> | null
}

export function isLocal ({ issuer }: Session): boolean {
  return issuer === LOCAL_ISSUER
}

function claimsOf ({ user, groups }: LocalIdentity, groupsClaim: ClaimPath): Claims {
  return { ...(groups.length === 0 ? {} : placeClaim(groupsClaim, [...groups])), iss: LOCAL_ISSUER, sub: user }
}

/** A session without tokens: nothing renews it. */
export function localSession (settings: Pick<OidcSettings, 'discovery' | 'client_id' | 'groups_claim'>, identity: LocalIdentity, now: EpochSeconds): Session {
  return {
    id: randomBytes(16).toString('base64url'),
    issuer: LOCAL_ISSUER,
    subject: identity.user,
    providerSessionId: identity.stamp,
    issuedAt: now,
    discovery: settings.discovery,
    clientId: settings.client_id,
    createdAt: now,
    authenticatedAt: now,
    accessToken: null,
    accessTokenExpiresAt: null,
    assurance: null,
    scope: null,
    idTokenClaims: claimsOf(identity, settings.groups_claim),
    userinfo: null,
    renewedFrom: null,
    cold: { refreshToken: null, idToken: null }
  }
}
