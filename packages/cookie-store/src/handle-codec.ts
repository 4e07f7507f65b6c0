import { freezeSession, keepBytes, readVarint, SEAL_OVERHEAD, unpackText, writeVarint, type EpochSeconds, type OpenedSession, type Sealer, type Session, type SessionPacker, type StoredSession } from 'fastify-oidc-session-store'

/** Handles above this are refused without work. */
export const MAX_HANDLE_LENGTH = 96 * 1024
const MIN_HANDLE_LENGTH = Math.ceil((SEAL_OVERHEAD + 1) * 4 / 3)

// The first byte of what is sealed; 1 and 2 are those of `packText`, in which cookies were sealed before.
const PACKED = 3

interface SealedAsText {
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

function toOpened (stored: StoredSession, bytes: number): OpenedSession {
  return { stored: Object.freeze(stored), bytes: stored.handle.length + bytes }
}

function openText (handle: string, plain: Buffer): OpenedSession | null {
  const json = unpackText(plain)
  if (json === null) return null
  const { session, revision, expiry } = JSON.parse(json) as SealedAsText
  return toOpened({ handle, revision, expiresAt: expiry, session: freezeSession(session) }, json.length)
}

/** Revision, end, and how long the hot part is. */
function readHead (plain: Buffer): readonly [revision: number, expiresAt: EpochSeconds, hotStart: number, hotEnd: number] | null {
  const revision = readVarint(plain, 1)
  const expiresAt = revision === null ? null : readVarint(plain, revision[1])
  const hot = expiresAt === null ? null : readVarint(plain, expiresAt[1])
  return revision === null || expiresAt === null || hot === null ? null : [revision[0], expiresAt[0], hot[1], hot[1] + hot[0]]
}

/** Handles are base64url in its one canonical spelling, so that a session has one handle. */
export function createHandleCodec (sealer: Sealer, packer: SessionPacker): HandleCodec {
  function openPacked (handle: string, plain: Buffer): OpenedSession | null {
    const head = readHead(plain)
    if (head === null) return null
    const [revision, expiresAt, hotStart, hotEnd] = head
    const kept = keepBytes(plain)
    const unpacked = packer.unpack(kept.subarray(hotStart, hotEnd), () => kept.subarray(hotEnd))
    return unpacked === null ? null : toOpened({ handle, revision, expiresAt, session: unpacked.session }, unpacked.bytes + plain.length)
  }

  function openPlain (handle: string, plain: Buffer): OpenedSession | null {
    return plain[0] === PACKED ? openPacked(handle, plain) : openText(handle, plain)
  }

  return {
    seal (session, revision, expiresAt) {
      const { hot, cold } = packer.pack(session)
      const plain = Buffer.concat([Buffer.of(PACKED), writeVarint(revision), writeVarint(expiresAt), writeVarint(hot.length), hot, cold])
      const opened = openPacked(sealer.seal(plain).toString('base64url'), plain)
      if (opened === null) throw new TypeError('a session that was just packed does not unpack')
      return opened
    },
    open (handle) {
      if (handle.length < MIN_HANDLE_LENGTH || handle.length > MAX_HANDLE_LENGTH) return null
      const sealed = Buffer.from(handle, 'base64url')
      const own = sealed.toString('base64url')
      if (own !== handle) return null
      const plain = sealer.open(sealed)
      // Our own spelling, not the caller's: that may be a slice which keeps a whole request alive.
      return plain === null ? null : openPlain(own, plain)
    }
  }
}
