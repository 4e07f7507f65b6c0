import type { StoredSession } from 'fastify-oidc-session-store'
import type { OpenedSession } from './handle-codec.ts'

// The last 22 characters hold the seal's 128-bit tag, so they name a handle as well as all of it does,
// and hashing them costs a hundredth of hashing a handle of several KB.
const NAME_LENGTH = 22

interface Entry {
  readonly stored: StoredSession
  readonly answer: Promise<StoredSession>
  readonly bytes: number
  used: boolean
}

export interface OpenedSessionsOptions {
  readonly maxCount: number
  readonly maxBytes: number
}

/** Sessions that were opened before, by handle. */
export interface OpenedSessions {
  find (handle: string): Entry | null
  add (opened: OpenedSession): Entry
  drop (handle: string): void
  clear (): void
}

/** A bounded memo. What was used since the last round gets a second chance, so that a hit need not reorder anything. */
export function createOpenedSessions ({ maxCount, maxBytes }: OpenedSessionsOptions): OpenedSessions {
  const entries = new Map<string, Entry>()
  let bytes = 0

  function remove (name: string): void {
    const entry = entries.get(name)
    if (entry === undefined) return
    entries.delete(name)
    bytes -= entry.bytes
  }

  function evict (): void {
    for (const [name, entry] of entries) {
      if (entries.size <= maxCount && bytes <= maxBytes) return
      entries.delete(name)
      if (entry.used) {
        entry.used = false
        entries.set(name, entry)
      } else {
        bytes -= entry.bytes
      }
    }
  }

  return {
    find (handle) {
      const entry = entries.get(handle.slice(-NAME_LENGTH))
      if (entry === undefined || entry.stored.handle !== handle) return null
      entry.used = true
      return entry
    },
    add ({ stored, bytes: size }) {
      const name = stored.handle.slice(-NAME_LENGTH)
      remove(name)
      const entry: Entry = { stored, answer: Promise.resolve(stored), bytes: size, used: false }
      entries.set(name, entry)
      bytes += size
      evict()
      return entry
    },
    drop (handle) { remove(handle.slice(-NAME_LENGTH)) },
    clear () {
      entries.clear()
      bytes = 0
    }
  }
}
