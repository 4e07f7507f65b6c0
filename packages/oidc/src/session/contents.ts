import type { Session } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import type { TokenRefresh } from '../provider/token-refresh.ts'

/** What of a login its session keeps. Who logged in, and the scopes that were granted, it always does. */
export interface SessionContents {
  /** With its expiry and the refresh token. */
  readonly accessToken: boolean
  readonly idTokenClaims: boolean
  readonly idToken: boolean
  readonly userinfo: boolean
}

/** Without `session_contents` everything is kept; with it, what it names, and the ID token where an upstream is told it. */
export function contentsOf ({ session_contents: written, set_raw_id_token_header: tellsIdToken }: Pick<OidcSettings, 'session_contents' | 'set_raw_id_token_header'>): SessionContents {
  if (written === undefined) return { accessToken: true, idTokenClaims: true, idToken: true, userinfo: true }
  return {
    accessToken: written.access_token === true,
    idTokenClaims: written.id_token === true,
    idToken: written.enc_id_token === true || tellsIdToken,
    userinfo: written.user === true
  }
}

/** A session without a token's expiry is neither checked for it nor renewed. */
export function reduceSession (session: Session, contents: SessionContents): Session {
  return {
    ...session,
    ...(contents.accessToken ? {} : { accessToken: null, accessTokenExpiresAt: null }),
    idTokenClaims: contents.idTokenClaims ? session.idTokenClaims : null,
    userinfo: contents.userinfo ? session.userinfo : null,
    cold: {
      refreshToken: contents.accessToken ? session.cold.refreshToken : null,
      idToken: contents.idToken ? session.cold.idToken : null
    }
  }
}

/** What a renewal brings anew and the session did not keep at the login, it does not keep now. */
export function reduceRefresh (refresh: TokenRefresh, contents: SessionContents): TokenRefresh {
  if (refresh.kind === 'refused') return refresh
  const { tokens } = refresh
  return { ...refresh, tokens: { ...tokens, idTokenClaims: contents.idTokenClaims ? tokens.idTokenClaims : null, idToken: contents.idToken ? tokens.idToken : null } }
}
