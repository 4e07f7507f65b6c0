import type { TokenEndpointResponse, TokenEndpointResponseHelpers } from 'openid-client'
import type { Claims, EpochSeconds } from 'fastify-oidc-session-store'
import { tokenInvalid } from './provider-error.ts'

/** What the token endpoint gave, checked. */
export interface Tokens {
  readonly accessToken: string
  readonly accessTokenExpiresAt: EpochSeconds
  readonly refreshToken: string | null
  readonly idToken: string | null
  readonly idTokenClaims: Claims | null
  /** null: not said. */
  readonly scope: string | null
}

const DEFAULT_LIFE = 3600
/** Ten years: what is longer is no life but a mistake. */
const MAX_LIFE = 315_360_000
/** RFC 6749, appendix A.12: anything else would break out of a header. */
const VISIBLE_ASCII = /^[\x20-\x7e]+$/

function checkText (name: string, value: string | undefined): string | null {
  if (value === undefined) return null
  if (VISIBLE_ASCII.test(value)) return value
  throw tokenInvalid(`the ${name} has characters that RFC 6749 does not allow`)
}

export interface TokenContext {
  readonly now: EpochSeconds
  readonly lifeWhenUnsaid: number | undefined
  /** Tokens were asked for that are bound to a key of ours. */
  readonly isBound: boolean
  readonly idTokenClaims: Claims | null
}

/** RFC 9449, section 5: who asks for bound tokens does not take one that any thief could use; nor is one of use whose key we have not. */
function checkType (type: string, isBound: boolean): void {
  if (isBound && type !== 'dpop') throw tokenInvalid('the access token is not bound to our key, although dpop.enabled is true (token_type is not DPoP)')
  if (!isBound && type === 'dpop') throw tokenInvalid('the access token is bound to a key that is not ours (token_type is DPoP)')
}

/** Reads a token endpoint's answer (RFC 6749, section 5.1). */
export function readTokens (answer: TokenEndpointResponse & TokenEndpointResponseHelpers, { now, lifeWhenUnsaid, isBound, idTokenClaims }: TokenContext): Tokens {
  checkType(answer.token_type, isBound)
  // Dead when it comes and not to be renewed, it would send the browser round for ever: 0 says nothing then.
  const saysNothing = answer.expires_in === undefined || (answer.expires_in < 1 && answer.refresh_token === undefined)
  const said = saysNothing ? undefined : Math.min(answer.expires_in, MAX_LIFE)
  const life = said ?? lifeWhenUnsaid ?? DEFAULT_LIFE
  return {
    accessToken: checkText('access token', answer.access_token) ?? '',
    accessTokenExpiresAt: now + Math.floor(life),
    refreshToken: checkText('refresh token', answer.refresh_token),
    idToken: checkText('ID token', answer.id_token),
    idTokenClaims,
    scope: checkText('scope', answer.scope === '' ? undefined : answer.scope)
  }
}
