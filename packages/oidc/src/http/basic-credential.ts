import type { NameAndPassword } from '../session/local-users.ts'

const SCHEME = /^basic +([A-Za-z0-9+/=_-]+) *$/i
const MAX_ENCODED = 4096
const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads name and password of RFC 7617, section 2; null: there are none, or none that anybody could have. */
export function readBasicCredential (authorization: string): NameAndPassword | null {
  if (authorization.length > MAX_ENCODED) return null
  const encoded = SCHEME.exec(authorization)?.[1]
  if (encoded === undefined) return null
  try {
    const text = UTF_8.decode(Buffer.from(encoded, 'base64'))
    const colon = text.indexOf(':')
    return colon <= 0 ? null : { name: text.slice(0, colon), password: text.slice(colon + 1) }
  } catch {
    return null
  }
}
