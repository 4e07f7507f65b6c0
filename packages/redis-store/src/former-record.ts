import { createSealer, createSessionPacker, freezeDeep, nameOfHandle, openJson, SEAL_OVERHEAD, unpackText, type ColdSession, type EpochSeconds, type Session, type SessionMeta, type UnpackedSession } from 'fastify-oidc-session-store'
import type { RedisOpened } from './session-codec.ts'

/** The fields of a hash, as sessions were kept before they were one value. */
export interface FormerRecord {
  readonly rev: Buffer | null
  readonly exp: Buffer | null
  readonly hot: Buffer | null
  readonly cold: Buffer | null
  readonly meta: Buffer | null
}

/** Opens what former releases wrote, until it is renewed or over. */
export interface FormerCodec {
  open (handle: string, record: FormerRecord): RedisOpened | null
  openMeta (name: string, record: FormerRecord): SessionMeta | null
}

// The first byte of a sealed hot part; 1 and 2 are those of `packText`, in which sessions were written before they were packed.
const PACKED = 3
const NO_TOKENS: ColdSession = Object.freeze({ refreshToken: null, idToken: null })

/** The end as it stands in the field, whoever wrote it; null: none does. */
export function formerEnd (exp: Buffer | null): EpochSeconds | null {
  if (exp === null || exp.length <= SEAL_OVERHEAD) return null
  const digits = exp.subarray(0, exp.length - SEAL_OVERHEAD).toString('latin1')
  return /^\d{1,16}$/.test(digits) ? Number(digits) : null
}

function readRevision (rev: Buffer | null): number | null {
  const digits = rev?.subarray(0, 17).toString('latin1') ?? ''
  return /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : null
}

function openText (hot: Buffer, openCold: () => ColdSession): UnpackedSession | null {
  const text = unpackText(hot)
  if (text === null) return null
  let cold: ColdSession | null = null
  const session = Object.freeze({
    ...freezeDeep(JSON.parse(text) as Omit<Session, 'cold'>),
    get cold () {
      cold ??= Object.freeze(openCold())
      return cold
    }
  })
  return { session, bytes: text.length }
}

export function createFormerCodec (options: { readonly secret: string, readonly fallbacks: readonly string[], readonly binding: string }): FormerCodec {
  const sealer = createSealer({ ...options, purpose: 'redis-session' })
  const metaSealer = createSealer({ ...options, purpose: 'redis-meta' })
  const packer = createSessionPacker(options.binding)

  return {
    open (handle, { rev, exp, hot, cold }) {
      const [revision, expiresAt] = [readRevision(rev), formerEnd(exp)]
      if (revision === null || expiresAt === null || exp === null || hot === null || cold === null) return null
      const keyed = sealer.keyedWith(handle)
      if (keyed.open(exp.subarray(-SEAL_OVERHEAD), `end ${revision} ${expiresAt}`) === null) return null
      const packed = keyed.open(hot, `hot ${revision}`)
      if (packed === null) return null
      // Copies: what came from the connection is a slice of something larger.
      const sealedCold = Buffer.from(cold)
      const unpacked = packed[0] === PACKED
        ? packer.unpack(packed.subarray(1), () => keyed.open(sealedCold, `cold ${revision}`))
        : openText(packed, () => openJson<ColdSession>(keyed, sealedCold, `cold ${revision}`) ?? NO_TOKENS)
      if (unpacked === null) return null
      const stored = Object.freeze({ handle, revision, expiresAt, session: unpacked.session })
      return { stored, name: nameOfHandle(handle), mark: Buffer.from(exp), bytes: unpacked.bytes + cold.length }
    },
    openMeta: (name, { meta }) => meta === null ? null : openJson<SessionMeta>(metaSealer, meta, name)
  }
}
