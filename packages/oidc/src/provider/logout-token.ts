import { decodeProtectedHeader } from 'jose'
import type { JWTPayload } from 'jose'
import type { EpochSeconds, RevocationTarget } from 'fastify-oidc-session-store'
import { LogoutTokenInvalidError, TokenInvalidError } from '../errors.ts'
import { verifySignature, type SignatureChecks } from './id-token.ts'
import type { ProviderClient } from './provider.ts'
import { tokenInvalid as refuse, toProviderError } from './provider-error.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const TYPES = new Set([undefined, 'jwt', 'logout+jwt', 'application/logout+jwt'])
const REQUIRED = ['iss', 'aud', 'iat', 'exp', 'jti', 'events']
/** Larger than any real one: what is above costs no signature. */
const MAX_LENGTH = 16 * 1024
const MAX_NAME_LENGTH = 255

/** What a provider says is over. */
export interface LogoutToken {
  readonly id: string
  readonly target: RevocationTarget
  readonly issuedAt: EpochSeconds
  readonly expiresAt: EpochSeconds
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= MAX_NAME_LENGTH

function typeOf (token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).typ
  } catch {
    throw refuse('it is no JWT')
  }
}

function checkType (token: string): void {
  const typ = typeOf(token)
  if (!TYPES.has(typeof typ === 'string' ? typ.toLowerCase() : typ)) throw refuse(`its type is ${JSON.stringify(typ).slice(0, 40)} (typ)`)
}

function isLogoutEvent (events: unknown): boolean {
  if (events === null || typeof events !== 'object') return false
  const event = (events as Record<string, unknown>)[EVENT]
  return event !== null && typeof event === 'object' && !Array.isArray(event)
}

function readTarget ({ iss: issuer = '', sub, sid }: JWTPayload & { readonly sid?: unknown }): RevocationTarget {
  if (sub !== undefined && !isName(sub)) throw refuse('it has no usable sub')
  if (sid === undefined) {
    if (sub === undefined) throw refuse('it names neither sub nor sid')
    return { issuer, subject: sub }
  }
  if (!isName(sid)) throw refuse('it has no usable sid')
  return { issuer, providerSessionId: sid }
}

function readLogout (claims: JWTPayload, { slack, clock }: SignatureChecks): LogoutToken {
  const { jti, iat = Infinity, exp = 0, nonce, events } = claims
  if (!isLogoutEvent(events)) throw refuse('it is not about a logout (events)')
  if (nonce !== undefined) throw refuse('it has a nonce: an ID token is no logout token')
  if (!isName(jti)) throw refuse('it has no usable jti')
  if (iat > clock() + slack) throw refuse('it was issued in the future (iat)')
  return { id: jti, target: readTarget(claims), issuedAt: Math.floor(iat), expiresAt: Math.floor(exp) }
}

function toLogoutError (error: unknown): Error {
  const mapped = toProviderError(error)
  return mapped instanceof TokenInvalidError ? Object.assign(new LogoutTokenInvalidError(), { cause: mapped.cause }) : mapped
}

/**
 * Verifies a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.6); a repeated one is for the caller to know.
 * @throws FST_OIDC_LOGOUT_TOKEN_INVALID, or FST_OIDC_PROVIDER_UNAVAILABLE when the keys cannot be had
 */
export async function verifyLogoutToken (token: string, provider: ProviderClient, checks: SignatureChecks): Promise<LogoutToken> {
  try {
    if (token.length > MAX_LENGTH) throw refuse('it is larger than any logout token')
    checkType(token)
    // Nobody vouches for it but its signature: it did not come from the token endpoint.
    const { claims } = await verifySignature(token, provider, { ...checks, acceptsUnsigned: false, acceptsUnsupported: false }, REQUIRED)
    return readLogout(claims, checks)
  } catch (error) {
    throw toLogoutError(error)
  }
}
