import { isEndedBy, type Clock, type EpochSeconds, type SessionCoordinator, type SessionIdentity, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'

/** Tells connections that outlive a request when their session ends. */
export interface SessionEnds {
  /** Calls the listener once: at logout, revocation or expiry. Answers the function that takes it off. */
  watch (stored: StoredSession, listener: () => void): () => void
  /** The session was used again elsewhere and ends later. */
  extend (stored: StoredSession): void
  /** Is the session over, for who resumed it before? */
  hasEnded (stored: StoredSession): boolean | Promise<boolean>
  close (): void
}

interface Watched {
  readonly identity: SessionIdentity
  handle: string
  readonly listeners: Set<() => void>
  expiresAt: EpochSeconds
  timer: NodeJS.Timeout
}

const MAX_DELAY_MS = 2 ** 31 - 1

/** While the store cannot say whether the session was used elsewhere. */
const RETRY_MS = 1000

export interface SessionEndsRoom {
  readonly coordinator: SessionCoordinator
  readonly store: Pick<SessionStore, 'get'>
  readonly clock: Clock
  /** A listener threw. The others still hear of the end, and neither a logout nor the process dies of it. */
  onListenerFailed (error: unknown): void
}

export function createSessionEnds ({ coordinator, store, clock, onListenerFailed }: SessionEndsRoom): SessionEnds {
  const watched = new Map<string, Watched>()

  function tell (listener: () => void): void {
    try {
      listener()
    } catch (error) {
      onListenerFailed(error)
    }
  }

  function end (entry: Watched): void {
    watched.delete(entry.identity.id)
    clearTimeout(entry.timer)
    for (const listener of entry.listeners) tell(listener)
  }

  /** Another instance may have put the end off: the store knows. An outage is no end. */
  async function endUnlessUsed (entry: Watched): Promise<void> {
    const stored = await store.get(entry.handle).catch(() => undefined)
    if (watched.get(entry.identity.id) !== entry) return
    if (stored === undefined) entry.timer = arm(entry, RETRY_MS)
    else if (stored === null || stored.expiresAt <= clock()) end(entry)
    else {
      entry.expiresAt = stored.expiresAt
      entry.timer = arm(entry)
    }
  }

  /** Of the clock's second some has passed already: without that an end would come up to a second late. */
  function leftMsOf ({ expiresAt }: Watched): number {
    return (expiresAt - clock()) * 1000 - Date.now() % 1000
  }

  function arm (entry: Watched, leftMs = leftMsOf(entry)): NodeJS.Timeout {
    return setTimeout(() => {
      if (entry.expiresAt > clock()) entry.timer = arm(entry)
      else endUnlessUsed(entry).catch(onListenerFailed)
    }, Math.min(MAX_DELAY_MS, Math.max(0, leftMs))).unref()
  }

  function open (stored: StoredSession): Watched {
    const entry: Watched = { identity: stored.session, handle: stored.handle, listeners: new Set(), expiresAt: stored.expiresAt, timer: setTimeout(() => {}, 0) }
    clearTimeout(entry.timer)
    entry.timer = arm(entry)
    watched.set(stored.session.id, entry)
    return entry
  }

  const stop = coordinator.onEnded((target, before) => {
    for (const entry of [...watched.values()]) if (isEndedBy(target, before, entry.identity)) end(entry)
  })

  return {
    watch (stored, listener) {
      const entry = watched.get(stored.session.id) ?? open(stored)
      entry.listeners.add(listener)
      return () => {
        entry.listeners.delete(listener)
        if (entry.listeners.size > 0 || watched.get(stored.session.id) !== entry) return
        watched.delete(stored.session.id)
        clearTimeout(entry.timer)
      }
    },
    extend (stored) {
      if (watched.size === 0) return
      const entry = watched.get(stored.session.id)
      if (entry === undefined || stored.expiresAt <= entry.expiresAt) return
      entry.expiresAt = stored.expiresAt
      entry.handle = stored.handle
    },
    hasEnded: ({ session }) => coordinator.hasEnded(session),
    close () {
      stop()
      for (const entry of watched.values()) clearTimeout(entry.timer)
      watched.clear()
    }
  }
}
