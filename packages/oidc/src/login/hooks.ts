import type { Session } from 'fastify-oidc-session-store'
import { LoginRefusedError } from '../errors.ts'
import type { OidcHooks } from '../options/hooks.ts'
import type { TokenRefresh } from '../provider/token-refresh.ts'

/**
 * Asks the application about a login that is about to become a session.
 * @throws FST_OIDC_LOGIN_REFUSED when it says no
 */
export async function applyHooks (hooks: OidcHooks<never>, session: Session): Promise<Session> {
  const claims = session.idTokenClaims ?? {}
  try {
    await hooks.onLogin?.({ sessionId: session.id, claims, userinfo: session.userinfo })
    return hooks.selectClaims === undefined ? session : { ...session, idTokenClaims: hooks.selectClaims(claims) }
  } catch (error) {
    throw Object.assign(new LoginRefusedError(), { statusCode: 403, cause: error })
  }
}

/** A renewed ID token brings every claim again: the session keeps those that it kept at the login. */
export function applyHooksToRefresh ({ selectClaims }: OidcHooks<never>, refresh: TokenRefresh): TokenRefresh {
  if (selectClaims === undefined || refresh.kind === 'refused' || refresh.tokens.idTokenClaims === null) return refresh
  try {
    return { ...refresh, tokens: { ...refresh.tokens, idTokenClaims: selectClaims(refresh.tokens.idTokenClaims) } }
  } catch (error) {
    return { kind: 'refused', error: Object.assign(new LoginRefusedError(), { statusCode: 403, cause: error }) }
  }
}
