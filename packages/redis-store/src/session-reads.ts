import { nameOfHandle, type CacheCounts, type OpenedSessions, type ReadDemand } from 'fastify-oidc-session-store'
import type { ClientMemory } from './client-memory.ts'
import type { RedisOpened } from './session-codec.ts'

/** Sessions by handle, whether Redis is asked for them or not. Whether one is over is not looked at. */
export interface SessionReads {
  /** How often a session that was read needed no opening, and how often it did. */
  readonly counts: CacheCounts
  /** Answers at once what need not be asked for. */
  read (handle: string, demand?: ReadDemand): RedisOpened | null | Promise<RedisOpened | null>
  /** All of it, from Redis. */
  readAnew (handle: string): Promise<RedisOpened | null>
}

export interface SessionReadsOptions {
  readonly opened: OpenedSessions<RedisOpened>
  readonly memory: ClientMemory<RedisOpened>
  /** What Redis has, opened; null: nothing that opens. */
  load (handle: string, name: string): Promise<RedisOpened | null>
  /** What a record begins with tells revisions and ends apart, so a session that is remembered costs a few bytes. */
  loadMark (name: string): Promise<Buffer | null>
}

export function createSessionReads ({ opened, memory, load, loadMark }: SessionReadsOptions): SessionReads {
  const counts = { hits: 0, misses: 0 }

  /** What is remembered behind it is vouched for, unless it changes meanwhile. */
  async function reading (handle: string, name: string, ask: () => Promise<RedisOpened | null>): Promise<RedisOpened | null> {
    const begun = memory.begin(name)
    let found: RedisOpened | null = null
    try {
      found = await ask()
      return found
    } finally {
      memory.end(begun, found !== null && opened.find(handle) === found ? found : null)
    }
  }

  async function readAnew (handle: string): Promise<RedisOpened | null> {
    // Our own spelling, not the caller's: that may be a slice which keeps a whole request alive.
    const own = Buffer.from(handle, 'latin1').toString('latin1')
    const name = nameOfHandle(own)
    return await reading(own, name, async () => {
      const found = await load(own, name)
      if (found === null) opened.drop(own)
      else {
        counts.misses++
        opened.add(found)
      }
      return found
    })
  }

  async function compare (handle: string, known: RedisOpened): Promise<RedisOpened | null> {
    const unchanged = await reading(handle, known.name, async () => (await loadMark(known.name))?.equals(known.mark) === true ? known : null)
    if (unchanged === null) return await readAnew(handle)
    counts.hits++
    return unchanged
  }

  return {
    counts,
    readAnew,
    read (handle, demand) {
      const known = opened.find(handle)
      if (known === null) return readAnew(handle)
      if (demand !== undefined || !memory.vouchesFor(known)) return compare(handle, known)
      counts.hits++
      return known
    }
  }
}
