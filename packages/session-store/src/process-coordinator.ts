import { createEndMarks } from './end-marks.ts'
import { createEndedListeners } from './ended-listeners.ts'
import { createProcessLocks } from './process-locks.ts'
import { createProcessResults } from './process-results.ts'
import { systemClock, type Clock, type SessionIdentity } from './session.ts'
import type { SessionCoordinator } from './session-coordinator.ts'

// The number is that of the interface: copies of this package that speak the same one share it.
const SHARED = Symbol.for('fastify-oidc-session-store/process-coordinator/1')

export interface ProcessCoordinatorOptions {
  readonly clock?: Clock
  /** How many renewal results are kept. Default: 10,000. One that is evicted costs a late tab a login, never more. */
  readonly maxResults?: number
  /** How many bytes of renewal results are kept. Default: 64 MB. */
  readonly maxResultBytes?: number
}

/** A coordinator in this process that answers `hasEnded` without waiting. */
export interface ProcessCoordinator extends SessionCoordinator {
  hasEnded (session: SessionIdentity): boolean
}

/** Agreement within one process: locks, results of renewals and end marks in memory. */
export function createProcessCoordinator ({ clock = systemClock, maxResults = 10_000, maxResultBytes = 64 * 2 ** 20 }: ProcessCoordinatorOptions = {}): ProcessCoordinator {
  const locks = createProcessLocks()
  const results = createProcessResults({ maxCount: maxResults, maxBytes: maxResultBytes })
  const marks = createEndMarks(clock)
  const listeners = createEndedListeners()

  return {
    async lock (key, ttlMs) { return locks.acquire(key, ttlMs) },
    waitForRelease: locks.waitForRelease,
    async publishResult (key, sealed, ttlMs) { results.put(key, sealed, ttlMs) },
    async takeResult (key) { return results.take(key) },
    async end (target, before, until) {
      marks.add(target, before, until)
      listeners.tell(target, before)
    },
    hasEnded: marks.covers,
    onEnded: listeners.add,
    async ready () {},
    async close () {
      listeners.clear()
      locks.clear()
      results.clear()
      marks.clear()
    }
  }
}

/**
 * The one coordinator of this process, so that two cores of one client agree. Closing it does nothing:
 * others may still use it, and it keeps no process alive.
 */
export function sharedProcessCoordinator (): ProcessCoordinator {
  const registry = globalThis as { [SHARED]?: ProcessCoordinator }
  registry[SHARED] ??= { ...createProcessCoordinator(), close: async () => {} }
  return registry[SHARED]
}
