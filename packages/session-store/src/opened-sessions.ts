import type { StoredSession } from './session.ts'

// The last 22 characters of a random handle are 132 bits of it, and of a sealed one the 128-bit tag, so they
// name a handle as well as all of it does, and hashing them costs a hundredth of hashing one of several KB.
const NAME_LENGTH = 22

/** A session as it was opened, and how many bytes it takes to keep it. */
export interface OpenedSession {
  readonly stored: StoredSession
  readonly bytes: number
}

interface Entry<Opened extends OpenedSession> {
  readonly opened: Opened
  used: boolean
}

export interface OpenedSessionsOptions<Opened extends OpenedSession> {
  readonly maxCount: number
  readonly maxBytes: number
  /** Told of what is no longer remembered: for lack of room, or since another was put in its place or it was dropped. */
  readonly onLeft?: (opened: Opened) => void
}

/** Sessions that were opened before, by handle. Of each handle the last 22 characters have to be its own. */
export interface OpenedSessions<Opened extends OpenedSession> {
  find (handle: string): Opened | null
  add (opened: Opened): void
  drop (handle: string): void
  clear (): void
}

/** A bounded memo. What was used since the last round gets a second chance, so that a hit need not reorder anything. */
export function createOpenedSessions<Opened extends OpenedSession> ({ maxCount, maxBytes, onLeft = () => {} }: OpenedSessionsOptions<Opened>): OpenedSessions<Opened> {
  const entries = new Map<string, Entry<Opened>>()
  let bytes = 0

  function remove (name: string): void {
    const entry = entries.get(name)
    if (entry === undefined) return
    entries.delete(name)
    bytes -= entry.opened.bytes
    onLeft(entry.opened)
  }

  function evict (): void {
    for (const [name, entry] of entries) {
      if (entries.size <= maxCount && bytes <= maxBytes) return
      entries.delete(name)
      if (entry.used) {
        entry.used = false
        entries.set(name, entry)
      } else {
        bytes -= entry.opened.bytes
        onLeft(entry.opened)
      }
    }
  }

  return {
    find (handle) {
      const entry = entries.get(handle.slice(-NAME_LENGTH))
      if (entry === undefined || entry.opened.stored.handle !== handle) return null
      entry.used = true
      return entry.opened
    },
    add (opened) {
      const name = opened.stored.handle.slice(-NAME_LENGTH)
      remove(name)
      entries.set(name, { opened, used: false })
      bytes += opened.bytes
      evict()
    },
    drop (handle) { remove(handle.slice(-NAME_LENGTH)) },
    clear () {
      entries.clear()
      bytes = 0
    }
  }
}
