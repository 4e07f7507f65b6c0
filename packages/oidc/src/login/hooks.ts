import type { Claims, Session } from 'fastify-oidc-session-store'
import { LoginRefusedError } from '../errors.ts'
import type { OidcHooks } from '../options/hooks.ts'
import type { TokenRefresh } from '../provider/token-refresh.ts'

type SelectClaims = NonNullable<OidcHooks['selectClaims']>

/** A hook that forgot to answer, or answers later, would leave a session that nothing can read. */
function select (selectClaims: SelectClaims, claims: Claims): Claims {
  const selected: unknown = selectClaims(claims)
  if (selected === null || typeof selected !== 'object' || Array.isArray(selected) || selected instanceof Promise) throw new Error('hooks.selectClaims must return an object of claims, and not a promise of one')
  return selected as Claims
}

function refuse (thrown: unknown): Error {
  return Object.assign(new LoginRefusedError(), { statusCode: 403, cause: thrown instanceof Error ? thrown : new Error(String(thrown)) })
}

/**
 * Asks the application about a login that is about to become a session.
 * @throws FST_OIDC_LOGIN_REFUSED when it says no
 */
export async function applyHooks (hooks: OidcHooks<never>, session: Session): Promise<Session> {
  const claims = session.idTokenClaims ?? {}
  try {
    await hooks.onLogin?.({ sessionId: session.id, claims, userinfo: session.userinfo })
    return hooks.selectClaims === undefined ? session : { ...session, idTokenClaims: select(hooks.selectClaims, claims) }
  } catch (error) {
    throw refuse(error)
  }
}

/** A renewed ID token brings every claim again: the session keeps those that it kept at the login. */
export function applyHooksToRefresh ({ selectClaims }: OidcHooks<never>, refresh: TokenRefresh): TokenRefresh {
  if (selectClaims === undefined || refresh.kind === 'refused' || refresh.tokens.idTokenClaims === null) return refresh
  try {
    return { ...refresh, tokens: { ...refresh.tokens, idTokenClaims: select(selectClaims, refresh.tokens.idTokenClaims) } }
  } catch (error) {
    return { kind: 'refused', error: refuse(error) }
  }
}
