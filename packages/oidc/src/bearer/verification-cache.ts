import type { EpochSeconds } from 'fastify-oidc-session-store'

/** What is known of tokens for a while, by a hash that is of no use to who sees it. */
export interface VerificationCache<T> {
  get (key: string, now: EpochSeconds): T | undefined
  /** `bytes`: what it takes to keep it. */
  set (key: string, value: T, until: EpochSeconds, bytes: number): void
  delete (key: string): void
  readonly size: number
  readonly bytes: number
}

interface Entry<T> {
  readonly value: T
  readonly until: EpochSeconds
  readonly bytes: number
}

export interface VerificationCacheOptions {
  readonly maxEntries: number
  readonly maxBytes: number
}

/** At most so many entries and bytes: the oldest give way. */
export function createVerificationCache<T> ({ maxEntries, maxBytes }: VerificationCacheOptions): VerificationCache<T> {
  const entries = new Map<string, Entry<T>>()
  let total = 0

  function remove (key: string): void {
    total -= entries.get(key)?.bytes ?? 0
    entries.delete(key)
  }

  return {
    delete: remove,
    get size () { return entries.size },
    get bytes () { return total },
    get (key, now) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (now < entry.until) return entry.value
      remove(key)
      return undefined
    },
    set (key, value, until, bytes) {
      remove(key)
      for (const oldest of entries.keys()) {
        if (entries.size < maxEntries && total + bytes <= maxBytes) break
        remove(oldest)
      }
      if (bytes > maxBytes) return
      entries.set(key, { value, until, bytes })
      total += bytes
    }
  }
}
