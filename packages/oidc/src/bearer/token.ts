/** What a request carries in its Authorization header. */
export type Credential =
  /** Nothing, or something of another scheme. */
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'too long' }
  | { readonly kind: 'token', readonly token: string }

export type JwtHeader = Readonly<Record<string, unknown>>

const MAX_TOKEN = 16_384
const SCHEME = 'bearer'
const VISIBLE_ASCII = /^[\x21-\x7e]+$/
const NONE: Credential = { kind: 'none' }
const MALFORMED: Credential = { kind: 'malformed' }
const TOO_LONG: Credential = { kind: 'too long' }

/** Reads the token of RFC 6750, section 2.1. It may still be anything. */
export function readCredential (authorization: string | undefined): Credential {
  if (authorization === undefined) return NONE
  const end = authorization.indexOf(' ')
  if (end <= 0) return MALFORMED
  if (end !== SCHEME.length || authorization.slice(0, end).toLowerCase() !== SCHEME) return NONE
  const token = authorization.slice(end + 1).trim()
  if (token === '') return MALFORMED
  return token.length > MAX_TOKEN ? TOO_LONG : { kind: 'token', token }
}

/** Is it of characters that a token can have (RFC 6749, appendix A.12, without the blank)? */
export function isTokenText (token: string): boolean {
  return VISIBLE_ASCII.test(token)
}

/** The header of a JWT in compact form; null: it is none, but may be a token that the provider knows. */
export function readJwtHeader (token: string): JwtHeader | null {
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first <= 0 || second < 0 || token.includes('.', second + 1)) return null
  try {
    const header: unknown = JSON.parse(Buffer.from(token.slice(0, first), 'base64url').toString())
    return header !== null && typeof header === 'object' && !Array.isArray(header) ? header as JwtHeader : null
  } catch {
    return null
  }
}
