import { createSealer, freezeDeep, nameOfHandle, openJson, packText, SEAL_OVERHEAD, sealJson, unpackText, type ColdSession, type EpochSeconds, type OpenedSession, type Session, type SessionSummary } from 'fastify-oidc-session-store'

type HotSession = Omit<Session, 'cold'>

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

/** The tokens of the cold part are opened when somebody asks for them: few requests do. */
function toSession (hot: string, openCold: () => ColdSession): Session {
  let cold: ColdSession | null = null
  return Object.freeze({
    ...freezeDeep(JSON.parse(hot) as HotSession),
    get cold () {
      cold ??= Object.freeze(openCold())
      return cold
    }
  })
}

/** @param binding whom the sessions are for; of another binding nothing opens */
export function createSessionCodec (options: { readonly secret: string, readonly fallbacks: readonly string[], readonly binding: string }): SessionCodec {
  const sealer = createSealer({ ...options, purpose: 'redis-session' })
  const metaSealer = createSealer({ ...options, purpose: 'redis-meta' })

  function sealEnd (handle: string, revision: number, expiresAt: EpochSeconds): Buffer {
    return Buffer.concat([Buffer.from(`${expiresAt}`), sealer.keyedWith(handle).seal(NOTHING, `end ${revision} ${expiresAt}`)])
  }

  return {
    sealEnd,
    seal (handle, session, revision, expiresAt) {
      const { cold, ...hot } = session
      const keyed = sealer.keyedWith(handle)
      const name = nameOfHandle(handle)
      const [hotText, coldText] = [JSON.stringify(hot), JSON.stringify(cold)]
      const exp = sealEnd(handle, revision, expiresAt)
      const fields = {
        exp,
        hot: keyed.seal(packText(hotText), `hot ${revision}`),
        cold: keyed.seal(packText(coldText), `cold ${revision}`),
        meta: sealJson(metaSealer, metaOf(session), name)
      }
      const kept = toSession(hotText, () => JSON.parse(coldText) as ColdSession)
      const stored = Object.freeze({ handle, revision, expiresAt, session: kept })
      return { fields, opened: { stored, name, exp, bytes: hotText.length + coldText.length } }
    },
    open (handle, rev, exp, hot, cold) {
      const [revision, expiresAt] = [readRevision(rev), writtenEnd(exp)]
      if (revision === null || expiresAt === null || exp === null || hot === null || cold === null) return null
      const keyed = sealer.keyedWith(handle)
      if (keyed.open(exp.subarray(-SEAL_OVERHEAD), `end ${revision} ${expiresAt}`) === null) return null
      const packed = keyed.open(hot, `hot ${revision}`)
      const hotText = packed === null ? null : unpackText(packed)
      if (hotText === null) return null
      // Copies: what came from the connection is a slice of something larger.
      const sealedCold = Buffer.from(cold)
      const session = toSession(hotText, () => openJson<ColdSession>(keyed, sealedCold, `cold ${revision}`) ?? NO_TOKENS)
      const stored = Object.freeze({ handle, revision, expiresAt, session })
      return { stored, name: nameOfHandle(handle), exp: Buffer.from(exp), bytes: hotText.length + cold.length }
    },
    openMeta: (name, meta) => openJson<SessionMeta>(metaSealer, meta, name)
  }
}
