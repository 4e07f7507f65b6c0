import { createSealer, createSessionPacker, freezeDeep, nameOfHandle, openJson, SEAL_OVERHEAD, sealJson, unpackText, type ColdSession, type EpochSeconds, type OpenedSession, type Session, type SessionSummary, type UnpackedSession } from 'fastify-oidc-session-store'

/** What an operator may see, without the end, which moves. */
export type SessionMeta = Omit<SessionSummary, 'expiresAt'>

/** A session as Redis has it. */
export interface SessionFields {
  /** The end in clear, for scripts, and behind it the seal that vouches for it: who writes another number writes nothing. */
  readonly exp: Buffer
  readonly hot: Buffer
  readonly cold: Buffer
  readonly meta: Buffer
}

/** A session as it was opened, and the field by which it is known again. */
export interface RedisOpened extends OpenedSession {
  readonly name: string
  readonly exp: Buffer
}

export interface SessionCodec {
  seal (handle: string, session: Session, revision: number, expiresAt: EpochSeconds): { readonly fields: SessionFields, readonly opened: RedisOpened }
  sealEnd (handle: string, revision: number, expiresAt: EpochSeconds): Buffer
  /** null: of another handle, binding or secret, changed, or put together from several revisions. */
  open (handle: string, rev: Buffer | null, exp: Buffer | null, hot: Buffer | null, cold: Buffer | null): RedisOpened | null
  /** null: as above. */
  openMeta (name: string, meta: Buffer): SessionMeta | null
}

// The first byte of a sealed hot part; 1 and 2 are those of `packText`, in which sessions were written before.
const PACKED = Buffer.of(3)
const NOTHING = Buffer.alloc(0)
const NO_TOKENS: ColdSession = Object.freeze({ refreshToken: null, idToken: null })

/** The end as it stands in the field, whoever wrote it; null: none does. */
export function writtenEnd (exp: Buffer | null): EpochSeconds | null {
  if (exp === null || exp.length <= SEAL_OVERHEAD) return null
  const digits = exp.subarray(0, exp.length - SEAL_OVERHEAD).toString('latin1')
  return /^\d{1,16}$/.test(digits) ? Number(digits) : null
}

function readRevision (rev: Buffer | null): number | null {
  const digits = rev?.subarray(0, 17).toString('latin1') ?? ''
  return /^[1-9]\d{0,15}$/.test(digits) ? Number(digits) : null
}

function metaOf ({ id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }: Session): SessionMeta {
  return { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt }
}

/** As sessions were written before they were packed. */
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

/** @param binding whom the sessions are for; of another binding nothing opens */
export function createSessionCodec (options: { readonly secret: string, readonly fallbacks: readonly string[], readonly binding: string }): SessionCodec {
  const sealer = createSealer({ ...options, purpose: 'redis-session' })
  const metaSealer = createSealer({ ...options, purpose: 'redis-meta' })
  const packer = createSessionPacker(options.binding)

  function sealEnd (handle: string, revision: number, expiresAt: EpochSeconds): Buffer {
    return Buffer.concat([Buffer.from(`${expiresAt}`), sealer.keyedWith(handle).seal(NOTHING, `end ${revision} ${expiresAt}`)])
  }

  return {
    sealEnd,
    seal (handle, session, revision, expiresAt) {
      const { hot, cold } = packer.pack(session)
      const keyed = sealer.keyedWith(handle)
      const name = nameOfHandle(handle)
      const exp = sealEnd(handle, revision, expiresAt)
      const fields = {
        exp,
        hot: keyed.seal(Buffer.concat([PACKED, hot]), `hot ${revision}`),
        cold: keyed.seal(cold, `cold ${revision}`),
        meta: sealJson(metaSealer, metaOf(session), name)
      }
      const unpacked = packer.unpack(hot, () => cold)
      if (unpacked === null) throw new TypeError('a session that was just packed does not unpack')
      const stored = Object.freeze({ handle, revision, expiresAt, session: unpacked.session })
      return { fields, opened: { stored, name, exp, bytes: unpacked.bytes + cold.length } }
    },
    open (handle, rev, exp, hot, cold) {
      const [revision, expiresAt] = [readRevision(rev), writtenEnd(exp)]
      if (revision === null || expiresAt === null || exp === null || hot === null || cold === null) return null
      const keyed = sealer.keyedWith(handle)
      if (keyed.open(exp.subarray(-SEAL_OVERHEAD), `end ${revision} ${expiresAt}`) === null) return null
      const packed = keyed.open(hot, `hot ${revision}`)
      if (packed === null) return null
      // Copies: what came from the connection is a slice of something larger.
      const sealedCold = Buffer.from(cold)
      const unpacked = packed[0] === PACKED[0]
        ? packer.unpack(packed.subarray(1), () => keyed.open(sealedCold, `cold ${revision}`))
        : openText(packed, () => openJson<ColdSession>(keyed, sealedCold, `cold ${revision}`) ?? NO_TOKENS)
      if (unpacked === null) return null
      const stored = Object.freeze({ handle, revision, expiresAt, session: unpacked.session })
      return { stored, name: nameOfHandle(handle), exp: Buffer.from(exp), bytes: unpacked.bytes + cold.length }
    },
    openMeta: (name, meta) => openJson<SessionMeta>(metaSealer, meta, name)
  }
}
