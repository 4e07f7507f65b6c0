import { createCipheriv, createDecipheriv, createHmac, hkdfSync } from 'node:crypto'

const VERSION = 1
// Each seal has a key of its own, from a salt that never returns, so the nonce may be the same for all.
const NONCE = Buffer.alloc(12)
const LAST_BLOCK = Buffer.from([1])

export const KEY_ID_BYTES = 4
export const TAG_BYTES = 16

/** What one secret makes for one purpose. */
export interface SealingKey {
  /** Tells the secrets apart. */
  readonly id: number
  readonly root: Buffer
}

export function deriveKey (secret: string, purpose: string): SealingKey {
  const derived = Buffer.from(hkdfSync('sha256', secret, 'fastify-oidc', `${purpose}/v${VERSION}`, 32 + KEY_ID_BYTES))
  return { root: derived.subarray(0, 32), id: derived.readUInt32BE(32) }
}

/** HKDF-Expand for one block (RFC 5869, section 2.3) is one HMAC, eight times cheaper than `hkdfSync`. */
export function expandKey (root: Buffer, salt: Buffer, text: string): Buffer {
  return createHmac('sha256', root).update(salt).update(text).update(LAST_BLOCK).digest()
}

/** What is authenticated with every seal. JSON holds no NUL, so no binding can run into a context. */
export function bindingOf (purpose: string, binding: string): Buffer {
  return Buffer.from(`${JSON.stringify([purpose, binding])}\0`)
}

/** AES-256-GCM, the tag behind it. A key is for one plain text. */
export function encrypt (key: Buffer, plain: Buffer, authenticated: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
  cipher.setAAD(authenticated)
  const body = cipher.update(plain)
  cipher.final()
  return Buffer.concat([body, cipher.getAuthTag()])
}

/** null: not encrypted with this key, or not with this. @param sealed as long as a tag, or longer */
export function decrypt (key: Buffer, sealed: Buffer, authenticated: Buffer): Buffer | null {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
  decipher.setAAD(authenticated)
  decipher.setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(0, end))
  try {
    decipher.final()
  } catch {
    return null // the tag does not fit: the only thing `final` can refuse
  }
  return plain
}
