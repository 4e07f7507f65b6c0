import { freezeSession, type Claims, type EpochSeconds, type Session } from 'fastify-oidc-session-store'
import type { ClaimCheck } from '../options/claim-schema.ts'
import { sessionIdentityHeaders, type IdentityHeaderOptions } from './identity-headers.ts'

/** What requests of one session revision share: computed once, not per request. */
export interface SessionView {
  readonly claims: Claims | null
  readonly userinfo: Claims | null
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  /** Why the claims do not hold against `claim_schema`; null: they do. */
  readonly claimProblem: string | null
  /** null once it is dead. */
  accessToken (now: EpochSeconds): string | null
  identityHeaders (now: EpochSeconds): Readonly<Record<string, string>>
}

const NOTHING: readonly string[] = Object.freeze([])

/** From the first source that has any. */
export function readGroups (...sources: ReadonlyArray<Claims | null>): readonly string[] {
  for (const source of sources) {
    const value = source?.groups
    if (typeof value === 'string') return Object.freeze([value])
    if (Array.isArray(value)) return Object.freeze(value.filter(group => typeof group === 'string'))
  }
  return NOTHING
}

/** What is not kept is not there. */
function claimsOf ({ userinfo, accessToken, idTokenClaims }: Session): object {
  return {
    ...(userinfo === null ? {} : { user: userinfo }),
    ...(accessToken === null ? {} : { access_token: accessToken }),
    ...(idTokenClaims === null ? {} : { id_token: idTokenClaims })
  }
}

function createView (options: IdentityHeaderOptions, checkClaims: ClaimCheck | null, session: Session): SessionView {
  const { accessToken, accessTokenExpiresAt, idTokenClaims, userinfo, scope } = session
  freezeSession(session) // requests share it, so nobody may change it
  const isAlive = (now: EpochSeconds): boolean => accessTokenExpiresAt === null || now < accessTokenExpiresAt
  const full = sessionIdentityHeaders(options, session, accessToken)
  let withoutToken: Readonly<Record<string, string>> | null = null
  return {
    claims: idTokenClaims,
    userinfo,
    scopes: scope === null ? NOTHING : Object.freeze(scope.split(' ').filter(name => name !== '')),
    groups: readGroups(idTokenClaims, userinfo),
    claimProblem: checkClaims === null ? null : checkClaims(claimsOf(session)),
    accessToken: now => isAlive(now) ? accessToken : null,
    identityHeaders (now) {
      if (isAlive(now)) return full
      withoutToken ??= sessionIdentityHeaders(options, session, null)
      return withoutToken
    }
  }
}

/** Views by session: stores answer the same object for the same revision. */
export function createSessionViews (options: IdentityHeaderOptions, checkClaims: ClaimCheck | null): (session: Session) => SessionView {
  const views = new WeakMap<Session, SessionView>()
  return session => {
    let view = views.get(session)
    if (view === undefined) {
      view = createView(options, checkClaims, session)
      views.set(session, view)
    }
    return view
  }
}
