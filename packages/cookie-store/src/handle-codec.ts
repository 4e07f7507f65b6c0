import { freezeSession, packText, SEAL_OVERHEAD, unpackText, type EpochSeconds, type OpenedSession, type Sealer, type Session } from 'fastify-oidc-session-store'

/** Handles above this are refused without work. */
export const MAX_HANDLE_LENGTH = 96 * 1024
const MIN_HANDLE_LENGTH = Math.ceil((SEAL_OVERHEAD + 1) * 4 / 3)

interface Sealed {
  readonly session: Session
  readonly revision: number
  readonly expiry: EpochSeconds
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

/** Handles are base64url in its one canonical spelling, so that a session has one handle. */
export function createHandleCodec (sealer: Sealer): HandleCodec {
  return {
    seal (session, revision, expiresAt) {
      const sealed: Sealed = { session, revision, expiry: expiresAt }
      const json = JSON.stringify(sealed)
      return toOpened(sealer.seal(packText(json)).toString('base64url'), json)
    },
    open (handle) {
      if (handle.length < MIN_HANDLE_LENGTH || handle.length > MAX_HANDLE_LENGTH) return null
      const sealed = Buffer.from(handle, 'base64url')
      const own = sealed.toString('base64url')
      if (own !== handle) return null
      const packed = sealer.open(sealed)
      const json = packed === null ? null : unpackText(packed)
      // Our own spelling, not the caller's: that may be a slice which keeps a whole request alive.
      return json === null ? null : toOpened(own, json)
    }
  }
}
