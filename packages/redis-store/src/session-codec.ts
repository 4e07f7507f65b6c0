import { createIdentityPacker, createPartSealer, createSessionPacker, keepBytes, nameOfHandle, type EpochSeconds, type OpenedSession, type Session, type SessionMeta } from 'fastify-oidc-session-store'
import { createFormerCodec, formerEnd, type FormerRecord } from './former-record.ts'
import { markWithEnd, MARK_BYTES, readRecord, saltOf, writeEnd, writeRecord } from './session-record.ts'

/** A session as it was opened, and what its record begins with, by which it is known again. */
export interface RedisOpened extends OpenedSession {
  readonly name: string
  readonly mark: Buffer
}

/** What stands in Redis for a session: one value, or what it was before. */
export type KeptSession = Buffer | FormerRecord

export interface SessionCodec {
  seal (handle: string, session: Session, revision: number, expiresAt: EpochSeconds): { readonly record: Buffer, readonly opened: RedisOpened }
  /** The end, and the voucher for it: who writes another number writes nothing. */
  sealEnd (handle: string, revision: number, expiresAt: EpochSeconds): Buffer
  /** The same session behind a new end. */
  withEnd (opened: RedisOpened, expiresAt: EpochSeconds, end: Buffer): RedisOpened
  /** null: of another handle, binding or secret, changed, or put together from several revisions. */
  open (handle: string, kept: KeptSession): RedisOpened | null
  /** The end is what stands there, whoever wrote it; null: none does. Of `meta` null: as above. */
  openMeta (name: string, kept: KeptSession): { readonly expiresAt: EpochSeconds | null, readonly meta: SessionMeta | null }
}

function metaOf ({ id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }: Session): SessionMeta {
  return { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }
}

const isFormer = (kept: KeptSession): kept is FormerRecord => !Buffer.isBuffer(kept)

/** @param binding whom the sessions are for; of another binding nothing opens */
export function createSessionCodec (options: { readonly secret: string, readonly fallbacks: readonly string[], readonly binding: string }): SessionCodec {
  const sealer = createPartSealer({ ...options, purpose: 'redis-record' })
  const packer = createSessionPacker(options.binding)
  const identities = createIdentityPacker(options.binding)
  const former = createFormerCodec(options)
  const endOf = (handle: string, revision: number, expiresAt: EpochSeconds): string => `${handle} ${revision} ${expiresAt}`

  /** Under the secret alone, since an operator has no handle. */
  function openIdentity (name: string, revision: number, salt: Buffer, sealed: Buffer): SessionMeta | null {
    const packed = sealer.open(salt, `meta ${name}`, sealed, `${revision}`)
    return packed === null ? null : identities.unpack(packed)
  }

  return {
    sealEnd: (handle, revision, expiresAt) => writeEnd(expiresAt, sealer.vouch(endOf(handle, revision, expiresAt))),
    withEnd: (opened, expiresAt, end) => ({ ...opened, stored: Object.freeze({ ...opened.stored, expiresAt }), mark: markWithEnd(opened.mark, end) }),
    seal (handle, session, revision, expiresAt) {
      const identity = metaOf(session)
      const { hot, cold } = packer.pack(session, identity)
      const [name, salt] = [nameOfHandle(handle), sealer.begin()]
      const record = writeRecord({
        expiresAt,
        voucher: sealer.vouch(endOf(handle, revision, expiresAt)),
        revision,
        salt,
        meta: sealer.seal(salt, `meta ${name}`, identities.pack(identity), `${revision}`),
        hot: sealer.seal(salt, `hot ${handle}`, hot, `${revision}`),
        cold: sealer.seal(salt, `cold ${handle}`, cold, `${revision}`)
      })
      const kept = keepBytes(record.subarray(0, MARK_BYTES), hot, cold)
      const coldAt = MARK_BYTES + hot.length
      const unpacked = packer.unpack(kept.subarray(MARK_BYTES, coldAt), () => kept.subarray(coldAt), identity)
      if (unpacked === null) throw new TypeError('a session that was just packed does not unpack')
      const stored = Object.freeze({ handle, revision, expiresAt, session: unpacked.session })
      return { record, opened: { stored, name, mark: kept.subarray(0, MARK_BYTES), bytes: unpacked.bytes + cold.length } }
    },
    open (handle, kept) {
      if (isFormer(kept)) return former.open(handle, kept)
      const record = readRecord(kept)
      if (record === null) return null
      const { revision, expiresAt, voucher } = record
      if (!sealer.isVouched(endOf(handle, revision, expiresAt), voucher)) return null
      const name = nameOfHandle(handle)
      const identity = openIdentity(name, revision, record.salt, record.meta)
      const hot = sealer.open(record.salt, `hot ${handle}`, record.hot, `${revision}`)
      if (identity === null || hot === null) return null
      const own = keepBytes(kept.subarray(0, MARK_BYTES), record.cold)
      const [mark, cold] = [own.subarray(0, MARK_BYTES), own.subarray(MARK_BYTES)]
      const salt = saltOf(mark)
      const unpacked = packer.unpack(hot, () => sealer.open(salt, `cold ${handle}`, cold, `${revision}`), identity)
      if (unpacked === null) return null
      const stored = Object.freeze({ handle, revision, expiresAt, session: unpacked.session })
      return { stored, name, mark, bytes: unpacked.bytes + cold.length }
    },
    openMeta (name, kept) {
      if (isFormer(kept)) return { expiresAt: formerEnd(kept.exp), meta: former.openMeta(name, kept) }
      const record = readRecord(kept)
      return record === null ? { expiresAt: null, meta: null } : { expiresAt: record.expiresAt, meta: openIdentity(name, record.revision, record.salt, record.meta) }
    }
  }
}
