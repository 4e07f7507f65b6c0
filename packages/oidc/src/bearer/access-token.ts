import type { Claims } from 'fastify-oidc-session-store'
import { invalidToken } from './invalid.ts'
import type { JwtHeader } from './token.ts'

const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout'
/** What Keycloak (`typ`), Cognito and Hydra (`token_use`) call tokens that are for the client alone. */
const OTHER_TYPES = new Set(['id', 'id_token', 'refresh', 'refresh_token', 'offline', 'logout', 'serialized-id'])
const ID_TYPES = new Set(['id', 'id_token'])
const ONLY_IN_ID_TOKENS = ['nonce', 'at_hash', 'c_hash']
const ACCESS_MARKS = ['scope', 'scp', 'client_id', 'azp']

/** `at+jwt` and `application/at+jwt` are the same (RFC 9068, section 2.1; RFC 7515, section 4.1.9). */
function typeOf (header: JwtHeader): string | null {
  return typeof header.typ === 'string' ? header.typ.toLowerCase().replace(/^application\//, '') : null
}

/**
 * Is it a token that somebody may be called with? An ID token tells a client who logged in, and a logout token who
 * logged out; both are signed by the same key, and neither was given to the caller for this.
 * @throws FST_OIDC_BEARER_INVALID
 */
export function checkIsAccessToken (header: JwtHeader, claims: Claims): void {
  const type = typeOf(header)
  checkIsUnbound(claims)
  if (type === 'at+jwt') return
  if (type !== null && type.endsWith('+jwt') && !type.endsWith('-at+jwt')) throw invalidToken('it is a JWT of another type, by its header')
  const mark = ONLY_IN_ID_TOKENS.find(name => claims[name] !== undefined)
  if (mark !== undefined) throw invalidToken(`it is an ID token: it has ${mark}`)
  const { events } = claims
  if (events !== null && typeof events === 'object' && LOGOUT_EVENT in events) throw invalidToken('it is a logout token')
  checkIsForCallers(claims)
  if (ACCESS_MARKS.every(name => claims[name] === undefined)) throw invalidToken(`it is no access token: it has none of ${ACCESS_MARKS.join(', ')}, and its header does not say at+jwt`)
}

/** Is it an ID token of this client (OpenID Connect Core 1.0, section 2), and nothing else that is signed for it: no logout token, no answer of the provider? */
export function isIdTokenFor (clientId: string, header: JwtHeader, { aud, azp, sub, iat, events, typ, token_use: use, token_type: tokenType, cnf }: Claims): boolean {
  const isOther = [events, tokenType, cnf].some(value => value !== undefined && value !== null)
  const isNamed = [typ, use].every(type => type === undefined || (typeof type === 'string' && ID_TYPES.has(type.toLowerCase())))
  // Another client may have it, and be in the audience of its own: section 3.1.3.7, 5.
  const isOurs = (aud === clientId || (Array.isArray(aud) && aud.includes(clientId))) && (azp === undefined || azp === clientId)
  return [null, 'jwt'].includes(typeOf(header)) && !isOther && isNamed && isOurs && typeof sub === 'string' && typeof iat === 'number'
}

/**
 * What every token has to hold to, also one that the provider says is active.
 * @throws FST_OIDC_BEARER_INVALID
 */
export function checkIsForCallers (claims: Claims): void {
  const { typ, token_use: use, token_type: tokenType } = claims
  if ([typ, use].some(type => typeof type === 'string' && OTHER_TYPES.has(type.toLowerCase()))) throw invalidToken('it is an ID, refresh or logout token, by its typ or token_use claim')
  if (typeof tokenType === 'string' && /^(?:refresh_token|refresh|dpop|n_a)$/i.test(tokenType)) throw invalidToken('it is no bearer token, by its token_type')
  checkIsUnbound(claims)
}

/** RFC 7800, section 3; RFC 9449, section 7.1: a thief could show it as well. */
function checkIsUnbound ({ cnf }: Claims): void {
  if (cnf !== undefined && cnf !== null) throw invalidToken('it is bound to a key (cnf), and a bearer token proves none')
}
