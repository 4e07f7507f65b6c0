import { freezeSession, type Claims, type EpochSeconds, type Session } from 'fastify-oidc-session-store'
import type { ClaimCheck } from '../options/claim-schema.ts'
import { readEmail, readGroups, readUser, type ClaimNames } from './claim-values.ts'
import { isLocal } from '../session/local-users.ts'
import { sessionIdentityHeaders, type IdentityHeaderOptions } from './identity-headers.ts'

/** What requests of one session revision share: computed once, not per request. */
export interface SessionView {
  readonly claims: Claims | null
  readonly userinfo: Claims | null
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly user: string | null
  readonly email: string | null
  /** Why the claims do not hold against `claim_schema`; null: they do. */
  readonly claimProblem: string | null
  /** null once it is dead. */
  accessToken (now: EpochSeconds): string | null
  identityHeaders (now: EpochSeconds): Readonly<Record<string, string>>
}

const NOTHING: readonly string[] = Object.freeze([])

/** What is not kept is not there. */
function claimsOf ({ userinfo, accessToken, idTokenClaims }: Session): object {
  return {
    ...(userinfo === null ? {} : { user: userinfo }),
    ...(accessToken === null ? {} : { access_token: accessToken }),
    ...(idTokenClaims === null ? {} : { id_token: idTokenClaims })
  }
}

/** Which headers are set, and which claims are read. */
export type ViewOptions = IdentityHeaderOptions & ClaimNames

function createView (options: ViewOptions, checkClaims: ClaimCheck | null, session: Session): SessionView {
  const { accessToken, accessTokenExpiresAt, idTokenClaims, userinfo, scope, subject } = session
  freezeSession(session) // requests share it, so nobody may change it
  const isAlive = (now: EpochSeconds): boolean => accessTokenExpiresAt === null || now < accessTokenExpiresAt
  const full = sessionIdentityHeaders(options, session, accessToken)
  let withoutToken: Readonly<Record<string, string>> | null = null
  return {
    claims: idTokenClaims,
    userinfo,
    scopes: scope === null ? NOTHING : Object.freeze(scope.split(' ').filter(name => name !== '')),
    groups: readGroups(options, idTokenClaims, userinfo),
    // A name that the application gave is never an e-mail address, whichever claims the options read.
    user: isLocal(session) ? subject : readUser(options, idTokenClaims, userinfo, { sub: subject }),
    email: isLocal(session) ? null : readEmail(options, idTokenClaims, userinfo),
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
export function createSessionViews (options: ViewOptions, checkClaims: ClaimCheck | null): (session: Session) => SessionView {
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
