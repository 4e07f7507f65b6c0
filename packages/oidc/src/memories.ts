import type { CacheCounts, CacheTally, SessionStore } from 'fastify-oidc-session-store'

/**
 * How often what requests share was found in memory, and how often it had to be made. All grow, and are read whenever
 * somebody looks.
 */
export interface Memories {
  /** Sessions whose store was not asked for them; null: the store is asked each time, or there is nothing to ask. */
  readonly sessionReads: CacheCounts | null
  /** Sessions that needed no opening; null: the store does not say. */
  readonly openedSessions: CacheCounts | null
  /** Claims, and identity headers, of a session's revision or a bearer token. */
  readonly identities: CacheCounts
  /** Whether somebody meets a policy that requires anything. */
  readonly policyDecisions: CacheCounts
  /** Bearer tokens that needed no verification and no introspection, refused ones as well. */
  readonly bearerTokens: CacheCounts
}

/** Of one core, by whoever remembers. */
export interface MemoryTallies {
  readonly identities: CacheTally
  readonly policyDecisions: CacheTally
  readonly bearerTokens: CacheTally
}

const none = (): CacheTally => ({ hits: 0, misses: 0 })

export function createTallies (): MemoryTallies {
  return { identities: none(), policyDecisions: none(), bearerTokens: none() }
}

export function memoriesOf (tallies: MemoryTallies, { cache, opened }: Pick<SessionStore, 'cache' | 'opened'>): Memories {
  return { sessionReads: cache ?? null, openedSessions: opened ?? null, ...tallies }
}
