import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { bindingOf, decrypt, deriveKey, encrypt, expandKey, KEY_ID_BYTES, TAG_BYTES, type SealingKey } from './sealing-keys.ts'
import type { SealerOptions } from './sealing.ts'

// A key is made of the part's name too, so salts of this length only have to differ where one name is sealed again.
const SALT_BYTES = 16

/** How long is what the parts of one record have in common. */
export const SALT_HEAD_BYTES = KEY_ID_BYTES + SALT_BYTES

/** How many bytes a part grows by when it is sealed. */
export const PART_OVERHEAD = TAG_BYTES

/** How long a voucher is: 128 bits. */
export const VOUCHER_BYTES = 16

/**
 * Seals a record of several parts in fewer bytes than a seal for each: one salt for all of them, and from it a key for
 * each part. No part of one salt opens under another.
 */
export interface PartSealer {
  /** Which secret, and a new salt. For one writing of a record: each part is sealed once under it. */
  begin (): Buffer
  /** @param part its name, and whatever else the key is to need */
  seal (head: Buffer, part: string, plain: Buffer, context: string): Buffer
  /** null: not ours, of another head, part, purpose, binding, context or secret, or changed on the way. Never throws for bytes of any kind. */
  open (head: Buffer, part: string, sealed: Buffer, context: string): Buffer | null
  /** What only who has the secret can make of this text; always the same. */
  vouch (text: string): Buffer
  /** Under any of the secrets. */
  isVouched (text: string, voucher: Buffer): boolean
}

export function createPartSealer ({ secret, fallbacks = [], purpose, binding }: SealerOptions): PartSealer {
  const secrets = [secret, ...fallbacks]
  const keys = secrets.map(each => deriveKey(each, purpose))
  const vouching = secrets.map(each => deriveKey(each, `${purpose}/voucher`))
  const bound = bindingOf(purpose, binding)
  let last = { context: '', authenticated: bound }
  const voucherBy = ({ root }: SealingKey, text: string): Buffer => createHmac('sha256', root).update(bound).update(text).digest().subarray(0, VOUCHER_BYTES)
  const [sealing, vouches] = [keys[0], vouching[0]] as [SealingKey, SealingKey]

  /** The parts of one record have one context. */
  function authenticated (context: string): Buffer {
    if (last.context !== context) last = { context, authenticated: Buffer.concat([bound, Buffer.from(context)]) }
    return last.authenticated
  }

  return {
    begin () {
      const id = Buffer.allocUnsafe(KEY_ID_BYTES)
      id.writeUInt32BE(sealing.id)
      return Buffer.concat([id, randomBytes(SALT_BYTES)])
    },
    seal: (head, part, plain, context) => encrypt(expandKey(sealing.root, head.subarray(KEY_ID_BYTES), part), plain, authenticated(context)),
    open (head, part, sealed, context) {
      if (head.length !== SALT_HEAD_BYTES || sealed.length < PART_OVERHEAD) return null
      const id = head.readUInt32BE(0)
      for (const key of keys) {
        if (key.id !== id) continue
        const plain = decrypt(expandKey(key.root, head.subarray(KEY_ID_BYTES), part), sealed, authenticated(context))
        if (plain !== null) return plain
      }
      return null
    },
    vouch: text => voucherBy(vouches, text),
    isVouched: (text, voucher) => voucher.length === VOUCHER_BYTES && vouching.some(key => timingSafeEqual(voucherBy(key, text), voucher))
  }
}
