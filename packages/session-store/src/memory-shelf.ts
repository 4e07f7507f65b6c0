import { createSessionIndex } from './session-index.ts'
import type { Clock, EpochSeconds, RevocationTarget, Session } from './session.ts'

const SWEEP_INTERVAL = 60

/** A session as the memory store keeps it: without its handle. */
export interface KeptSession {
  readonly session: Session
  readonly revision: number
  readonly expiresAt: EpochSeconds
}

/** Kept sessions by key, bounded, with the index always in step. */
export interface MemoryShelf {
  put (key: string, kept: KeptSession): void
  /** null: none, or over. */
  find (key: string): KeptSession | null
  remove (key: string): void
  /** Keys of what the target may name; over ones may be among them. */
  keys (target: RevocationTarget | 'all'): readonly string[]
  clear (): void
}

function firstToEnd (sessions: ReadonlyMap<string, KeptSession>): string | null {
  let first: { key: string, expiresAt: EpochSeconds } | null = null
  for (const [key, { expiresAt }] of sessions) if (first === null || expiresAt < first.expiresAt) first = { key, expiresAt }
  return first?.key ?? null
}

/** A shelf for so many sessions; when it is full, the one that ends soonest makes room. */
export function createMemoryShelf (clock: Clock, maxSessions: number): MemoryShelf {
  const sessions = new Map<string, KeptSession>()
  const index = createSessionIndex()
  let sweptAt = clock()

  function remove (key: string): void {
    const kept = sessions.get(key)
    if (kept === undefined) return
    sessions.delete(key)
    index.remove(key, kept.session)
  }

  function makeRoom (): void {
    const now = clock()
    if (sessions.size >= maxSessions || now - sweptAt >= SWEEP_INTERVAL) {
      sweptAt = now
      for (const [key, { expiresAt }] of sessions) if (expiresAt <= now) remove(key)
    }
    const first = sessions.size >= maxSessions ? firstToEnd(sessions) : null
    if (first !== null) remove(first)
  }

  return {
    remove,
    put (key, kept) {
      remove(key)
      makeRoom()
      sessions.set(key, kept)
      index.add(key, kept.session)
    },
    find (key) {
      const kept = sessions.get(key)
      if (kept === undefined) return null
      if (kept.expiresAt > clock()) return kept
      remove(key)
      return null
    },
    keys: target => target === 'all' ? [...sessions.keys()] : index.find(target),
    clear () {
      sessions.clear()
      index.clear()
    }
  }
}
