import type { EpochSeconds } from 'fastify-oidc-session-store'

/** What is known of tokens for a while, by a hash that is of no use to who sees it. */
export interface VerificationCache<T> {
  get (key: string, now: EpochSeconds): T | undefined
  set (key: string, value: T, until: EpochSeconds): void
  readonly size: number
}

interface Entry<T> {
  readonly value: T
  readonly until: EpochSeconds
}

/** At most so many entries: the oldest gives way. */
export function createVerificationCache<T> (maxEntries: number): VerificationCache<T> {
  const entries = new Map<string, Entry<T>>()
  return {
    get size () { return entries.size },
    get (key, now) {
      const entry = entries.get(key)
      if (entry === undefined) return undefined
      if (now < entry.until) return entry.value
      entries.delete(key)
      return undefined
    },
    set (key, value, until) {
      entries.delete(key)
      if (entries.size >= maxEntries) entries.delete(entries.keys().next().value ?? '')
      entries.set(key, { value, until })
    }
  }
}
