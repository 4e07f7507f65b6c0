import type { CacheCounts } from 'fastify-oidc-session-store'
import type { Memories } from 'fastify-oidc'
import { Counter, type Registry } from 'prom-client'
import type { CoreHealth } from '../server/health.ts'

const KINDS = ['hits', 'misses'] as const

const READS = {
  hits: ['oidc_gateway_session_cache_hits_total', 'Sessions that were answered from memory, without asking Redis.'],
  misses: ['oidc_gateway_session_cache_misses_total', 'Sessions that Redis was asked for, where a client cache is on.']
} as const

const SHARED = {
  hits: ['oidc_gateway_memory_hits_total', 'What requests share and was found in memory, by kind.'],
  misses: ['oidc_gateway_memory_misses_total', 'What requests share and had to be made, by kind.']
} as const

/** Labels, by who remembers. */
const MEMORIES: ReadonlyArray<readonly [label: string, countsOf: (memories: Memories) => CacheCounts | null]> = [
  ['opened_sessions', ({ openedSessions }) => openedSessions],
  ['identities', ({ identities }) => identities],
  ['policy_decisions', ({ policyDecisions }) => policyDecisions],
  ['bearer_tokens', ({ bearerTokens }) => bearerTokens]
]

/** Reads what cores and stores count whenever the metrics are read: nothing is done per request. */
export function countCaches (cores: readonly CoreHealth[], register: Registry): void {
  const registers = [register]
  for (const kind of KINDS) {
    const [readsName, readsHelp] = READS[kind]
    const reads = new Counter({
      name: readsName,
      help: readsHelp,
      labelNames: ['route'] as const,
      registers,
      collect () {
        reads.reset()
        for (const { name: route, memories: { sessionReads } } of cores) if (sessionReads !== null) reads.inc({ route }, sessionReads[kind])
      }
    })
    const [sharedName, sharedHelp] = SHARED[kind]
    const shared = new Counter({
      name: sharedName,
      help: sharedHelp,
      labelNames: ['route', 'memory'] as const,
      registers,
      collect () {
        shared.reset()
        for (const { name: route, memories } of cores) {
          for (const [memory, countsOf] of MEMORIES) {
            const counts = countsOf(memories)
            if (counts !== null) shared.inc({ route, memory }, counts[kind])
          }
        }
      }
    })
  }
}
