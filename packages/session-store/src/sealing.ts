import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

const VERSION = 1
const KEY_ID_BYTES = 4
const SALT_BYTES = 24
const TAG_BYTES = 16
const HEAD_BYTES = 1 + KEY_ID_BYTES + SALT_BYTES
// Each seal has a key of its own, from a salt that never returns, so the nonce may be the same for all.
const NONCE = Buffer.alloc(12)
const LAST_BLOCK = Buffer.from([1])

/** How many bytes a seal adds to what it closes. */
export const SEAL_OVERHEAD = HEAD_BYTES + TAG_BYTES

/** Closes bytes so that only who has the secret can read or make them. */
export interface Sealer {
  seal (plain: Buffer, context?: string): Buffer
  /** null: not ours, of another purpose, binding, context or secret, or changed on the way. Never throws for bytes of any kind. */
  open (sealed: Buffer, context?: string): Buffer | null
  /** A sealer whose keys need this text as well as the secret: who has the secret alone can open none of its seals. */
  keyedWith (text: string): Sealer
}

export interface SealerOptions {
  readonly secret: string
  /** Former or coming secrets: they open and never seal. */
  readonly fallbacks?: readonly string[]
  /** What the seals are for: a seal of one purpose does not open for another. */
  readonly purpose: string
  /** Whom the seals are for; opaque. */
  readonly binding: string
}

interface SealingKey { readonly id: number, readonly root: Buffer }

function deriveKey (secret: string, purpose: string): SealingKey {
  const derived = Buffer.from(hkdfSync('sha256', secret, 'fastify-oidc', `${purpose}/v${VERSION}`, 32 + KEY_ID_BYTES))
  return { root: derived.subarray(0, 32), id: derived.readUInt32BE(32) }
}

/** HKDF-Expand for one block (RFC 5869, section 2.3) is one HMAC, eight times cheaper than `hkdfSync`. */
function expandKey (root: Buffer, salt: Buffer, text: string): Buffer {
  return createHmac('sha256', root).update(salt).update(text).update(LAST_BLOCK).digest()
}

/** AES-256-GCM under a key per seal; purpose, binding and context are authenticated with it. */
export function createSealer ({ secret, fallbacks = [], purpose, binding }: SealerOptions): Sealer {
  const sealing = deriveKey(secret, purpose)
  const keys = [sealing, ...fallbacks.map(fallback => deriveKey(fallback, purpose))]
  // JSON holds no NUL, so no binding can run into a context.
  const bound = Buffer.from(`${JSON.stringify([purpose, binding])}\0`)
  return createSealerWith({ sealing, keys, bound, text: '' })
}

interface SealingKeys {
  readonly sealing: SealingKey
  /** Those that open. */
  readonly keys: readonly SealingKey[]
  /** Authenticated with everything. */
  readonly bound: Buffer
  /** Part of each key. */
  readonly text: string
}

function createSealerWith (own: SealingKeys): Sealer {
  const { sealing, keys, bound, text } = own
  const authenticated = (context: string): Buffer => context === '' ? bound : Buffer.concat([bound, Buffer.from(context)])

  function openWith (key: SealingKey, sealed: Buffer, context: string): Buffer | null {
    const end = sealed.length - TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', expandKey(key.root, sealed.subarray(1 + KEY_ID_BYTES, HEAD_BYTES), text), NONCE, { authTagLength: TAG_BYTES })
    decipher.setAAD(authenticated(context))
    decipher.setAuthTag(sealed.subarray(end))
    const plain = decipher.update(sealed.subarray(HEAD_BYTES, end))
    try {
      decipher.final()
    } catch {
      return null // the tag does not fit: the only thing `final` can refuse
    }
    return plain
  }

  return {
    keyedWith: other => createSealerWith({ ...own, text: other }),
    seal (plain, context = '') {
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      head.writeUInt8(VERSION, 0)
      head.writeUInt32BE(sealing.id, 1)
      const salt = randomBytes(SALT_BYTES)
      salt.copy(head, 1 + KEY_ID_BYTES)
      const cipher = createCipheriv('aes-256-gcm', expandKey(sealing.root, salt, text), NONCE, { authTagLength: TAG_BYTES })
      cipher.setAAD(authenticated(context))
      const body = cipher.update(plain)
      cipher.final()
      return Buffer.concat([head, body, cipher.getAuthTag()])
    },
    open (sealed, context = '') {
      if (sealed.length < SEAL_OVERHEAD || sealed[0] !== VERSION) return null
      const id = sealed.readUInt32BE(1)
      for (const key of keys) {
        if (key.id !== id) continue
        const plain = openWith(key, sealed, context)
        if (plain !== null) return plain
      }
      return null
    }
  }
}
