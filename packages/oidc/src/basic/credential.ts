import type { NameAndPassword } from '../session/local-users.ts'

/** What `Authorization: Basic` brings (RFC 7617, section 2). */
export type BasicCredential =
  /** Nothing, or something of another scheme. */
  | { readonly kind: 'none' }
  /** The scheme, and nothing that can be read. */
  | { readonly kind: 'malformed' }
  /** Nobody has that. */
  | { readonly kind: 'nobody' }
  | { readonly kind: 'credential', readonly credential: NameAndPassword }

const SCHEME = /^basic(?: |$)/i
const CREDENTIAL = /^basic +([A-Za-z0-9+/=_-]+) *$/i
const MAX_HEADER = 4096
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NONE: BasicCredential = { kind: 'none' }
const MALFORMED: BasicCredential = { kind: 'malformed' }
const NOBODY: BasicCredential = { kind: 'nobody' }

function decode (encoded: string): string | null {
  try {
    return UTF_8.decode(Buffer.from(encoded, 'base64'))
  } catch {
    return null
  }
}

/** Reads name and password: UTF-8, parted at the first colon. They may still be anything. */
export function readBasicCredential (authorization: string | undefined): BasicCredential {
  if (authorization === undefined || !SCHEME.test(authorization)) return NONE
  if (authorization.length > MAX_HEADER) return NOBODY
  const encoded = CREDENTIAL.exec(authorization)?.[1]
  const text = encoded === undefined ? null : decode(encoded)
  const colon = text?.indexOf(':') ?? -1
  if (text === null || colon < 0) return MALFORMED
  return colon === 0 ? NOBODY : { kind: 'credential', credential: { name: text.slice(0, colon), password: text.slice(colon + 1) } }
}

const MAX_NAME_BYTES = 512
const MAX_PASSWORD_BYTES = 2048
/** RFC 7617, section 2. */
const CONTROL = /[\u0000-\u001f\u007f]/ // eslint-disable-line no-control-regex -- what neither may have
/** RFC 6749, appendices A.1 and A.2. */
const VISIBLE_ASCII = /^[\x20-\x7e]+$/

/** Could a user have it? An empty password is none: directories take it for somebody who does not say who they are. */
export function isOfUser ({ name, password }: NameAndPassword): boolean {
  if (password === '' || CONTROL.test(name) || CONTROL.test(password)) return false
  return Buffer.byteLength(name) <= MAX_NAME_BYTES && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES
}

/** Could a client have it? */
export function isOfClient (credential: NameAndPassword): boolean {
  return isOfUser(credential) && VISIBLE_ASCII.test(credential.name) && VISIBLE_ASCII.test(credential.password)
}
