import { createHandle, createOpenedSessions, endMarkLife, isEndedBy, isHandle, nameOfHandle, systemClock, type Clock, type EpochSeconds, type ReadDemand, type RevocationTarget, type Session, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { createClientMemory, createNoMemory } from './client-memory.ts'
import { createEndMarkTable } from './end-mark-table.ts'
import { createRecentWrites } from './recent-writes.ts'
import { createRedisIndex } from './redis-index.ts'
import type { RedisLink } from './redis-link.ts'
import { waitForReplicas } from './replication.ts'
import { createSessionCodec, type RedisOpened } from './session-codec.ts'
import { inspectSessions } from './session-inspection.ts'
import { createSessionReads } from './session-reads.ts'
import { createSessionTable } from './session-table.ts'

const MAX_TURNS = 5
const NONE: Promise<null> = Promise.resolve(null)

export interface RedisStoreOptions {
  readonly link: RedisLink
  /** Seals sessions, and names what is found by subject. */
  readonly secret: string
  /** Former or coming secrets: they open and never seal. */
  readonly fallbacks?: readonly string[]
  /** Whom the sessions are for, opaque: a session of another binding does not open. Default: none. */
  readonly binding?: string
  /** In front of every key. Default: `sessions`. */
  readonly prefix?: string
  /** Seconds: the longest that a session may live. 0: 400 days. Default: 86400. */
  readonly absoluteTimeout?: number
  /** Whose ends are looked at on every read as well, so that a session that somebody put back into Redis stays over. The store does not close it. Default: none. */
  readonly coordinator?: SessionCoordinator
  readonly clock?: Clock
  /** Answer from memory what Redis has not told to have changed: an end on another instance holds here within a second. Default: false. */
  readonly clientCache?: boolean
  /** How many opened sessions are remembered. Default: 2,000. */
  readonly maxOpenedSessions?: number
  /** How many bytes of opened sessions are remembered. Default: 16 MB. */
  readonly maxOpenedBytes?: number
}

async function unlessEnded (stored: StoredSession, ended: Promise<boolean>): Promise<StoredSession | null> {
  return await ended ? null : stored
}

/**
 * Sessions in Redis. Every read asks Redis, so that an end holds on every instance at once; opened is each revision once.
 * With `clientCache` Redis tells what changes, and a read asks where that is not known.
 */
export function createRedisStore ({
  link, secret, fallbacks = [], binding = '', prefix = 'sessions', absoluteTimeout = 86400, coordinator, clock = systemClock,
  clientCache = false, maxOpenedSessions = 2000, maxOpenedBytes = 16 * 2 ** 20
}: RedisStoreOptions): SessionStore {
  const codec = createSessionCodec({ secret, fallbacks, binding })
  const asked = createSessionTable({ link, prefix, clock })
  const memory = clientCache ? createClientMemory<RedisOpened>({ track: link.track, prefix: asked.keyOf('') }) : createNoMemory<RedisOpened>()
  const table = memory.behind(asked)
  const index = createRedisIndex({ link, secret, fallbacks, binding, prefix, clock })
  const marks = createEndMarkTable({ link, secret, fallbacks, prefix, clock })
  const opened = createOpenedSessions<RedisOpened>({ maxCount: maxOpenedSessions, maxBytes: maxOpenedBytes, onLeft: memory.leave })
  const reads = createSessionReads({ opened, memory, load, loadMark: table.readMark })
  const recentlyRemoved = createRecentWrites<string>(link, table.remove)
  const recentlyMarked = createRecentWrites(link, marks.write)

  async function load (handle: string, name: string): Promise<RedisOpened | null> {
    const kept = await table.read(name)
    return kept === null ? null : codec.open(handle, kept)
  }

  async function hasEnded (session: Session): Promise<boolean> {
    return coordinator !== undefined && await coordinator.hasEnded(session)
  }

  /** For every request: nothing is awaited that is known already. */
  function unlessOver (stored: StoredSession): StoredSession | null | Promise<StoredSession | null> {
    if (stored.expiresAt <= clock()) return null
    const ended = coordinator !== undefined && coordinator.hasEnded(stored.session)
    if (ended === true) return null
    return ended === false ? stored : unlessEnded(stored, ended)
  }

  async function getRead (reading: Promise<RedisOpened | null>): Promise<StoredSession | null> {
    const found = await reading
    return found === null ? null : unlessOver(found.stored)
  }

  function get (handle: string, demand?: ReadDemand): Promise<StoredSession | null> {
    if (!isHandle(handle)) return NONE
    const known = reads.read(handle, demand)
    if (known instanceof Promise) return getRead(known)
    return known === null ? NONE : Promise.resolve(unlessOver(known.stored))
  }

  /** For who has just found it changed. */
  async function getAnew (handle: string): Promise<StoredSession | null> {
    const found = await reads.readAnew(handle)
    return found === null ? null : unlessOver(found.stored)
  }

  async function removeIndexed (name: string, session: Session): Promise<void> {
    await index.remove(name, session)
    try {
      await waitForReplicas(link, table.keyOf(name))
    } catch (err) {
      // It is gone from the master, so a second try finds nothing and succeeds: what instances remember has to make that true.
      await coordinator?.end({ id: session.id }, clock(), clock() + endMarkLife(absoluteTimeout)).catch(() => {})
      throw err
    }
  }

  async function destroy ({ handle, session }: StoredSession): Promise<void> {
    const name = nameOfHandle(handle)
    opened.drop(handle)
    recentlyRemoved.note(name)
    await table.remove(name)
    await removeIndexed(name, session)
  }

  /** As a whole, over the revision that was read. */
  async function write (stored: StoredSession, session: Session, revision: number, expiresAt: EpochSeconds): Promise<StoredSession | null> {
    const { record, opened: made } = codec.seal(stored.handle, session, revision, expiresAt)
    // Again, since the secret may be another than at the login.
    await index.add(made.name, session, clock() + endMarkLife(absoluteTimeout))
    if (!await table.replace(made.name, stored.revision, record, expiresAt)) return null
    opened.add(made)
    return made.stored
  }

  async function moveEnd (stored: StoredSession, expiresAt: EpochSeconds): Promise<StoredSession | null> {
    let current: StoredSession | null = stored
    for (let turn = 0; turn < MAX_TURNS && current !== null; turn++) {
      const { handle, revision, session }: StoredSession = current
      const end = codec.sealEnd(handle, revision, expiresAt)
      const outcome = await table.touch(nameOfHandle(handle), revision, end, expiresAt)
      if (outcome === 'gone') return null
      if (outcome === 'done') {
        const known = opened.find(handle)
        if (known !== null && known.stored.revision === revision) opened.add(codec.withEnd(known, expiresAt, end))
        return Object.freeze({ handle, revision, expiresAt, session })
      }
      // The same revision in another layout: who renews it meanwhile has read this one.
      const replaced: StoredSession | null = outcome === 'former' ? await write(current, session, revision, expiresAt) : null
      if (replaced !== null) return replaced
      current = await getAnew(handle)
    }
    return current
  }

  /** Answers whether it lived until now. What names itself as the target's and does not open is ended: nobody can tell that it is another's. */
  async function revokeOne (name: string, target: RevocationTarget, before: EpochSeconds): Promise<boolean> {
    const kept = await table.read(name)
    if (kept === null) return false
    const { expiresAt, meta } = codec.openMeta(name, kept)
    if (meta !== null && !isEndedBy(target, before, meta)) return false
    recentlyRemoved.note(name)
    const existed = await table.remove(name)
    if (meta !== null) await index.remove(name, meta)
    return existed && expiresAt !== null && expiresAt > clock()
  }

  return {
    name: 'redis',
    revocable: true,
    opened: reads.counts,
    ...memory.counts === null ? {} : { cache: memory.counts },
    async create (session, expiresAt) {
      const { record, opened: made } = codec.seal(createHandle(), session, 1, expiresAt)
      await index.add(made.name, session, clock() + endMarkLife(absoluteTimeout))
      await table.write(made.name, record, expiresAt)
      if (await marks.covers(session)) await destroy(made.stored)
      else opened.add(made)
      return made.stored
    },
    get,
    async update (stored, session, expiresAt) {
      return await hasEnded(stored.session) ? null : await write(stored, session, stored.revision + 1, expiresAt)
    },
    async touch (stored, expiresAt) {
      return await hasEnded(stored.session) ? null : await moveEnd(stored, expiresAt)
    },
    destroy,
    async destroyIfUnchanged ({ handle, revision, session }) {
      const name = nameOfHandle(handle)
      if (!await table.removeRevision(name, revision)) return
      opened.drop(handle)
      recentlyRemoved.note(name)
      await removeIndexed(name, session)
    },
    async revoke (target, before) {
      const mark = { target, before, until: clock() + endMarkLife(absoluteTimeout) }
      recentlyMarked.note(mark)
      await marks.write(mark)
      let count = 0
      for await (const names of index.walk(target)) {
        const ended = await Promise.all(names.map(name => revokeOne(name, target, before)))
        count += ended.filter(Boolean).length
      }
      await waitForReplicas(link, null)
      return count
    },
    inspect: target => inspectSessions({ link, prefix, clock, codec, table, index }, target),
    async ready () { await link.ready() },
    async close () {
      memory.close()
      opened.clear()
      recentlyRemoved.close()
      recentlyMarked.close()
    }
  }
}
