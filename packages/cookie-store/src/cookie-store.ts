import { createOpenedSessions, createSealer, createSessionPacker, endMarkLife, StoreNotInspectableError, StoreNotRevocableError, systemClock, type Clock, type EpochSeconds, type OpenedSession, type RevocationTarget, type Session, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { createHandleCodec } from './handle-codec.ts'

const NONE: Promise<null> = Promise.resolve(null)

export interface CookieStoreOptions {
  /** Seals sessions. */
  readonly secret: string
  /** Former or coming secrets: they open and never seal. */
  readonly fallbacks?: readonly string[]
  /** Whom the sessions are for, opaque: a session of another binding does not open. Default: none. */
  readonly binding?: string
  /** Where ends are agreed. Without one a session cannot be ended: a copy of its cookie lives until its end. The store does not close it. */
  readonly coordinator?: SessionCoordinator
  /** Seconds: for how long an end is remembered, the longest that a session may live. 0: 400 days. Default: 86400. */
  readonly absoluteTimeout?: number
  readonly clock?: Clock
  /** How many opened sessions are remembered. Default: 2,000. */
  readonly maxOpenedSessions?: number
  /** How many bytes of opened sessions are remembered. Default: 16 MB. */
  readonly maxOpenedBytes?: number
}

/** With the promise that answers it, made once. */
interface Remembered extends OpenedSession {
  readonly answer: Promise<StoredSession>
}

async function unlessOver (stored: StoredSession, ended: Promise<boolean>): Promise<StoredSession | null> {
  return await ended ? null : stored
}

/** Sessions that live in browsers: the handle is the sealed session itself. */
export function createCookieStore ({
  secret, fallbacks = [], binding = '', coordinator, absoluteTimeout = 86400, clock = systemClock,
  maxOpenedSessions = 2000, maxOpenedBytes = 16 * 2 ** 20
}: CookieStoreOptions): SessionStore {
  const codec = createHandleCodec(createSealer({ secret, fallbacks, purpose: 'session', binding }), createSessionPacker(binding))
  const tally = { hits: 0, misses: 0 }
  const openedSessions = createOpenedSessions<Remembered>({ maxCount: maxOpenedSessions, maxBytes: maxOpenedBytes })

  function remember (opened: OpenedSession): Remembered {
    const remembered = { ...opened, answer: Promise.resolve(opened.stored) }
    openedSessions.add(remembered)
    return remembered
  }

  function seal (session: Session, revision: number, expiresAt: EpochSeconds): StoredSession {
    return remember(codec.seal(session, revision, expiresAt)).stored
  }

  async function end (target: RevocationTarget, before: EpochSeconds): Promise<void> {
    await coordinator?.end(target, before, clock() + endMarkLife(absoluteTimeout))
  }

  async function isOver ({ expiresAt, session }: StoredSession): Promise<boolean> {
    return expiresAt <= clock() || (coordinator !== undefined && await coordinator.hasEnded(session))
  }

  /** A copied cookie stays whole after its session's end, so only the mark ends it. */
  async function destroy ({ session }: StoredSession): Promise<void> {
    await end({ id: session.id }, clock())
  }

  function open (handle: string): Remembered | null {
    const opened = codec.open(handle)
    if (opened !== null) tally.misses++
    return opened === null || opened.stored.expiresAt <= clock() ? null : remember(opened)
  }

  /** For every request: nothing is decrypted twice, and nothing is awaited that is known already. */
  function get (handle: string): Promise<StoredSession | null> {
    const known = openedSessions.find(handle)
    if (known !== null) tally.hits++
    const entry = known ?? open(handle)
    if (entry === null) return NONE
    const { stored, answer } = entry
    const ended = coordinator !== undefined && coordinator.hasEnded(stored.session)
    if (stored.expiresAt <= clock() || ended === true) {
      openedSessions.drop(handle)
      return NONE
    }
    return ended === false ? answer : unlessOver(stored, ended)
  }

  return {
    name: 'cookie',
    opened: tally,
    revocable: coordinator !== undefined,
    async create (session, expiresAt) { return seal(session, 1, expiresAt) },
    get,
    async update (stored, session, expiresAt) {
      return await isOver(stored) ? null : seal(session, stored.revision + 1, expiresAt)
    },
    async touch (stored, expiresAt) {
      return await isOver(stored) ? null : seal(stored.session, stored.revision, expiresAt)
    },
    destroy,
    destroyIfUnchanged: destroy,
    async revoke (target, before) {
      if (coordinator === undefined) throw new StoreNotRevocableError()
      await end(target, before)
      return null
    },
    async * inspect () {
      throw new StoreNotInspectableError()
    },
    async ready () {},
    async close () { openedSessions.clear() }
  }
}
