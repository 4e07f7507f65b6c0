import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { freezeSession, SEAL_OVERHEAD, type EpochSeconds, type Sealer, type Session, type StoredSession } from 'fastify-oidc-session-store'

/** Handles above this are refused without work. */
export const MAX_HANDLE_LENGTH = 96 * 1024
const MIN_HANDLE_LENGTH = Math.ceil((SEAL_OVERHEAD + 1) * 4 / 3)
const MAX_PLAIN_BYTES = 2 ** 20

// The first byte inside a seal. Another layout gets another number.
const PLAIN = 1
const DEFLATED = 2

interface Sealed {
  readonly session: Session
  readonly revision: number
  readonly expiry: EpochSeconds
}

/** A session as it was opened, and how many bytes it takes to keep it. */
export interface OpenedSession {
  readonly stored: StoredSession
  readonly bytes: number
}

/** Turns sessions into handles and back. */
export interface HandleCodec {
  seal (session: Session, revision: number, expiresAt: EpochSeconds): OpenedSession
  /** null: not a handle of ours. */
  open (handle: string): OpenedSession | null
}

function toOpened (handle: string, json: string): OpenedSession {
  const { session, revision, expiry } = JSON.parse(json) as Sealed
  const stored = Object.freeze({ handle, revision, expiresAt: expiry, session: freezeSession(session) })
  return { stored, bytes: handle.length + json.length }
}

/** Above the bound nothing is deflated, since it would not be inflated again: the handle is then too long for any cookie. */
function pack (json: string): Buffer {
  const plain = Buffer.from(json)
  const deflated = plain.length <= MAX_PLAIN_BYTES ? deflateRawSync(plain) : plain
  return deflated.length < plain.length
    ? Buffer.concat([Buffer.of(DEFLATED), deflated])
    : Buffer.concat([Buffer.of(PLAIN), plain])
}

/** null: of a layout that is not known here. */
function unpack (packed: Buffer): string | null {
  const body = packed.subarray(1)
  switch (packed[0]) {
    case PLAIN: return body.toString()
    case DEFLATED: return inflateRawSync(body, { maxOutputLength: MAX_PLAIN_BYTES }).toString()
    default: return null
  }
}

/** Handles are base64url in its one canonical spelling, so that a session has one handle. */
export function createHandleCodec (sealer: Sealer): HandleCodec {
  return {
    seal (session, revision, expiresAt) {
      const sealed: Sealed = { session, revision, expiry: expiresAt }
      const json = JSON.stringify(sealed)
      return toOpened(sealer.seal(pack(json)).toString('base64url'), json)
    },
    open (handle) {
      if (handle.length < MIN_HANDLE_LENGTH || handle.length > MAX_HANDLE_LENGTH) return null
      const sealed = Buffer.from(handle, 'base64url')
      const own = sealed.toString('base64url')
      if (own !== handle) return null
      const packed = sealer.open(sealed)
      const json = packed === null ? null : unpack(packed)
      // Our own spelling, not the caller's: that may be a slice which keeps a whole request alive.
      return json === null ? null : toOpened(own, json)
    }
  }
}
