import { decodeJwt } from 'jose'
import type { Claims, Session } from 'fastify-oidc-session-store'
import type { ClaimSources } from '../policy/claim-path.ts'

/** What an access token says; null: it is no JWT. Nobody but the provider can have written it, like the userinfo: both came from there. */
function readAccessToken (accessToken: string | null): Claims | null {
  if (accessToken === null) return null
  try {
    return decodeJwt(accessToken)
  } catch {
    return null
  }
}

/** Who logged in is said by the ID token, whether its claims are kept or not: another token's `sub` may be another name. */
function identityOf ({ idTokenClaims, subject }: Session): Claims {
  return idTokenClaims !== null && Object.hasOwn(idTokenClaims, 'sub') ? idTokenClaims : { ...idTokenClaims, sub: subject }
}

/** The one order in which a session's claims are looked for: ID token, access token, userinfo. */
export function sessionSources (session: Session): ClaimSources {
  const identity = identityOf(session)
  let accessToken: Claims | null | undefined
  return [
    () => identity,
    () => {
      if (accessToken === undefined) accessToken = readAccessToken(session.accessToken)
      return accessToken
    },
    () => session.userinfo
  ]
}

/** A bearer token speaks for itself. */
export function bearerSources (claims: Claims): ClaimSources {
  return [() => claims]
}
