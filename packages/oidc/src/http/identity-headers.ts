import type { IncomingHttpHeaders } from 'node:http'
import type { Claims, Session } from 'fastify-oidc-session-store'

/** Every header that any part of this package family can tell an upstream who the caller is by. */
const IDENTITY_HEADERS: ReadonlySet<string> = new Set([
  'x-access-token',
  'x-id-token',
  'x-raw-id-token',
  'x-userinfo',
  'x-refresh-token',
  'x-forwarded-user',
  'x-forwarded-email',
  'x-forwarded-groups',
  'x-forwarded-preferred-username',
  'x-forwarded-access-token',
  'x-auth-request-user',
  'x-auth-request-email',
  'x-auth-request-groups',
  'x-auth-request-preferred-username',
  'x-auth-request-access-token',
  'x-auth-request-redirect',
  'x-consumer-id',
  'x-consumer-custom-id',
  'x-consumer-username',
  'x-consumer-groups',
  'x-credential-identifier',
  'x-authenticated-groups',
  'x-anonymous-consumer'
])

const LETTER_X = 120
const PLAIN = /^[a-z0-9-]+$/

/** Servers fold what is not a letter or digit: to an upstream `x_userinfo` may be `x-userinfo`. */
function fold (name: string): string {
  return PLAIN.test(name) ? name : name.replace(/[^a-z0-9]/g, '-')
}

/** Removes what only we may say, under each spelling. */
export function stripIdentityHeaders (headers: IncomingHttpHeaders): void {
  for (const name in headers) {
    if (name.charCodeAt(0) === LETTER_X && IDENTITY_HEADERS.has(fold(name))) delete headers[name]
  }
}

/** Which headers the options set. */
export interface IdentityHeaderOptions {
  readonly set_access_token_header: boolean
  readonly access_token_in_authorization_header: boolean
  readonly set_id_token_header: boolean
  readonly set_userinfo_header: boolean
  readonly set_refresh_token_header: boolean
  readonly set_raw_id_token_header: boolean
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64')

function accessTokenHeader (options: IdentityHeaderOptions, accessToken: string | null): Record<string, string> {
  if (!options.set_access_token_header || accessToken === null) return {}
  return options.access_token_in_authorization_header ? { authorization: `Bearer ${accessToken}` } : { 'x-access-token': accessToken }
}

/** What an upstream is told of a session: tokens as they are, claims as base64 of JSON. */
export function sessionIdentityHeaders (options: IdentityHeaderOptions, session: Session, accessToken: string | null): Readonly<Record<string, string>> {
  const { idTokenClaims, userinfo } = session
  const headers = accessTokenHeader(options, accessToken)
  if (options.set_id_token_header && idTokenClaims !== null) headers['x-id-token'] = encode(idTokenClaims)
  if (options.set_userinfo_header && userinfo !== null) headers['x-userinfo'] = encode(userinfo)
  if (options.set_refresh_token_header && session.cold.refreshToken !== null) headers['x-refresh-token'] = session.cold.refreshToken
  if (options.set_raw_id_token_header && session.cold.idToken !== null) headers['x-raw-id-token'] = session.cold.idToken
  return Object.freeze(headers)
}

/** What an upstream is told of who brought a token: the token itself, and what it or the provider says of them. */
export function bearerIdentityHeaders (options: IdentityHeaderOptions, token: string, claims: Claims): Readonly<Record<string, string>> {
  const headers = accessTokenHeader(options, token)
  if (options.set_userinfo_header) headers['x-userinfo'] = encode(claims)
  return Object.freeze(headers)
}
