import { isEndedBy, type Clock, type EpochSeconds, type SessionCoordinator, type SessionIdentity, type StoredSession } from 'fastify-oidc-session-store'

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
  readonly listeners: Set<() => void>
  expiresAt: EpochSeconds
  timer: NodeJS.Timeout
}

const MAX_DELAY_MS = 2 ** 31 - 1

/** `onListenerFailed`: a listener threw. The others still hear of the end, and neither a logout nor the process dies of it. */
export function createSessionEnds (coordinator: SessionCoordinator, clock: Clock, onListenerFailed: (error: unknown) => void): SessionEnds {
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

  function arm (entry: Watched): NodeJS.Timeout {
    const leftMs = (entry.expiresAt - clock()) * 1000
    return setTimeout(() => {
      if (entry.expiresAt <= clock()) end(entry)
      else entry.timer = arm(entry)
    }, Math.min(MAX_DELAY_MS, Math.max(0, leftMs))).unref()
  }

  function open (stored: StoredSession): Watched {
    const entry: Watched = { identity: stored.session, listeners: new Set(), expiresAt: stored.expiresAt, timer: setTimeout(() => {}, 0) }
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
      if (entry !== undefined && stored.expiresAt > entry.expiresAt) entry.expiresAt = stored.expiresAt
    },
    hasEnded: ({ session }) => coordinator.hasEnded(session),
    close () {
      stop()
      for (const entry of watched.values()) clearTimeout(entry.timer)
      watched.clear()
    }
  }
}
