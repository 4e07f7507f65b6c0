import { randomBytes } from 'node:crypto'
import { bindingOf, decrypt, deriveKey, encrypt, expandKey, KEY_ID_BYTES, TAG_BYTES, type SealingKey } from './sealing-keys.ts'

const VERSION = 1
const SALT_BYTES = 24
const HEAD_BYTES = 1 + KEY_ID_BYTES + SALT_BYTES

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

/** AES-256-GCM under a key per seal; purpose, binding and context are authenticated with it. */
export function createSealer ({ secret, fallbacks = [], purpose, binding }: SealerOptions): Sealer {
  const sealing = deriveKey(secret, purpose)
  const keys = [sealing, ...fallbacks.map(fallback => deriveKey(fallback, purpose))]
  return createSealerWith({ sealing, keys, bound: bindingOf(purpose, binding), text: '' })
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

  return {
    keyedWith: other => createSealerWith({ ...own, text: other }),
    seal (plain, context = '') {
      const head = Buffer.allocUnsafe(1 + KEY_ID_BYTES)
      head.writeUInt8(VERSION, 0)
      head.writeUInt32BE(sealing.id, 1)
      const salt = randomBytes(SALT_BYTES)
      return Buffer.concat([head, salt, encrypt(expandKey(sealing.root, salt, text), plain, authenticated(context))])
    },
    open (sealed, context = '') {
      if (sealed.length < SEAL_OVERHEAD || sealed[0] !== VERSION) return null
      const id = sealed.readUInt32BE(1)
      for (const key of keys) {
        if (key.id !== id) continue
        const plain = decrypt(expandKey(key.root, sealed.subarray(1 + KEY_ID_BYTES, HEAD_BYTES), text), sealed.subarray(HEAD_BYTES), authenticated(context))
        if (plain !== null) return plain
      }
      return null
    }
  }
}
