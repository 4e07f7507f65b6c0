import { freezeSession } from './frozen-session.ts'
import { createHandle, isHandle, nameOfHandle } from './handles.ts'
import { createMemoryShelf, type KeptSession } from './memory-shelf.ts'
import { createProcessCoordinator } from './process-coordinator.ts'
import { endMarkLife, isEndedBy } from './revocation.ts'
import { systemClock, type Clock, type EpochSeconds, type Session, type StoredSession } from './session.ts'
import type { SessionCoordinator } from './session-coordinator.ts'
import type { SessionStore } from './session-store.ts'
import { summaryOf } from './session-summary.ts'

export interface MemoryStoreOptions {
  readonly clock?: Clock
  /** Where ends are agreed. Default: one of its own. The store does not close one that it was given. */
  readonly coordinator?: SessionCoordinator
  /** How many sessions are kept; above it, the one that ends soonest goes. Default: 10,000. */
  readonly maxSessions?: number
  /** Seconds: for how long a revocation is remembered, so that a login that it overtook is over too. 0: 400 days. Default: 86400. */
  readonly absoluteTimeout?: number
}

/** Sessions in this process: for development, tests, and servers that may forget. Of a handle it keeps the SHA-256 only. */
export function createMemoryStore ({ clock = systemClock, coordinator, maxSessions = 10_000, absoluteTimeout = 86400 }: MemoryStoreOptions = {}): SessionStore {
  const ends = coordinator ?? createProcessCoordinator({ clock })
  const shelf = createMemoryShelf(clock, maxSessions)

  /** A copy of its own, so that nobody who holds the original can change it. */
  function keep (handle: string, session: Session, revision: number, expiresAt: EpochSeconds): StoredSession {
    const kept: KeptSession = { session: freezeSession(structuredClone(session)), revision, expiresAt }
    shelf.put(nameOfHandle(handle), kept)
    return Object.freeze({ handle, ...kept })
  }

  /** Once it has resolved, what the shelf says holds until the next await: a compare-and-set stands on that. */
  async function dropEnded (key: string): Promise<void> {
    const kept = shelf.find(key)
    if (kept !== null && await ends.hasEnded(kept.session)) shelf.remove(key)
  }

  return {
    name: 'memory',
    revocable: true,
    async create (session, expiresAt) {
      return keep(createHandle(), session, 1, expiresAt)
    },
    async get (handle) {
      if (!isHandle(handle)) return null
      const key = nameOfHandle(handle)
      await dropEnded(key)
      const kept = shelf.find(key)
      return kept === null ? null : Object.freeze({ handle, ...kept })
    },
    async update ({ handle, revision }, session, expiresAt) {
      const key = nameOfHandle(handle)
      await dropEnded(key)
      return shelf.find(key)?.revision === revision ? keep(handle, session, revision + 1, expiresAt) : null
    },
    async touch ({ handle }, expiresAt) {
      const key = nameOfHandle(handle)
      await dropEnded(key)
      const kept = shelf.find(key)
      return kept === null ? null : keep(handle, kept.session, kept.revision, expiresAt)
    },
    async destroy ({ handle }) { shelf.remove(nameOfHandle(handle)) },
    async destroyIfUnchanged ({ handle, revision }) {
      const key = nameOfHandle(handle)
      if (shelf.find(key)?.revision === revision) shelf.remove(key)
    },
    async revoke (target, before) {
      await ends.end(target, before, clock() + endMarkLife(absoluteTimeout))
      let count = 0
      for (const key of shelf.keys(target)) {
        const kept = shelf.find(key)
        if (kept === null || !isEndedBy(target, before, kept.session)) continue
        shelf.remove(key)
        count++
      }
      return count
    },
    async * inspect (target) {
      for (const key of shelf.keys(target)) {
        await dropEnded(key)
        const kept = shelf.find(key)
        if (kept !== null) yield summaryOf(kept.session, kept.expiresAt)
      }
    },
    async ready () {},
    async close () {
      shelf.clear()
      if (coordinator === undefined) await ends.close()
    }
  }
}
