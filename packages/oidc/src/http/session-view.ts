import { freezeSession, type CacheTally, type Claims, type EpochSeconds, type Session } from 'fastify-oidc-session-store'
import type { ClaimCheck } from '../policy/json-schema.ts'
import type { PolicySubject } from '../policy/subject.ts'
import { proofOf } from '../session/assurance.ts'
import { isLocal } from '../session/local-users.ts'
import { sessionSources } from './claim-sources.ts'
import { readCredential, readEmail, readGroups, readScopes, readUser, type ClaimNames } from './claim-values.ts'
import type { Credential } from './consumer-view.ts'
import { sessionIdentityHeaders, type IdentityHeaderOptions } from './identity-headers.ts'

/** What requests of one session revision share: computed once, not per request. */
export interface SessionView {
  readonly claims: Claims | null
  readonly userinfo: Claims | null
  readonly scopes: readonly string[]
  readonly groups: readonly string[]
  readonly user: string | null
  readonly email: string | null
  readonly credential: Credential | null
  /** Who a policy looks at. */
  readonly subject: PolicySubject
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
  const { accessToken, accessTokenExpiresAt, idTokenClaims, userinfo, scope } = session
  freezeSession(session) // requests share it, so nobody may change it
  const isAlive = (now: EpochSeconds): boolean => accessTokenExpiresAt === null || now < accessTokenExpiresAt
  const full = sessionIdentityHeaders(options, session, accessToken)
  const sources = sessionSources(session)
  const granted = scope === null ? NOTHING : Object.freeze(scope.split(' ').filter(name => name !== ''))
  // A name that the application gave is never an e-mail address, whichever claims the options read.
  const email = isLocal(session) ? null : readEmail(options, sources)
  let withoutToken: Readonly<Record<string, string>> | null = null
  return {
    claims: idTokenClaims,
    userinfo,
    scopes: readScopes(options, sources, granted),
    groups: readGroups(options, sources),
    user: isLocal(session) ? session.subject : readUser(options, sources),
    email,
    subject: { via: 'session', sources, scopes: granted, email, audience: 'held', proof: proofOf(session) },
    credential: readCredential(options, sources),
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
export function createSessionViews (options: ViewOptions, checkClaims: ClaimCheck | null, tally: CacheTally): (session: Session) => SessionView {
  const views = new WeakMap<Session, SessionView>()
  return session => {
    let view = views.get(session)
    if (view !== undefined) tally.hits++
    else {
      tally.misses++
      view = createView(options, checkClaims, session)
      views.set(session, view)
    }
    return view
  }
}
