import { Counter, type Registry } from 'prom-client'
import type { CoreHealth } from '../server/health.ts'

const COUNTED = {
  hits: ['oidc_gateway_session_cache_hits_total', 'Sessions that were answered from memory, without asking Redis.'],
  misses: ['oidc_gateway_session_cache_misses_total', 'Sessions that Redis was asked for, where a client cache is on.']
} as const

/** Reads what the stores count whenever the metrics are read: nothing is done per request. */
export function countCaches (cores: readonly CoreHealth[], register: Registry): void {
  for (const [kind, [name, help]] of Object.entries(COUNTED) as Array<[keyof typeof COUNTED, readonly [string, string]]>) {
    const counter = new Counter({
      name,
      help,
      labelNames: ['route'] as const,
      registers: [register],
      collect () {
        counter.reset()
        for (const { name: route, cache } of cores) if (cache !== null) counter.inc({ route }, cache[kind])
      }
    })
  }
}
