import { Gauge, type Registry } from 'prom-client'
import { isFine, type CoreHealth } from '../server/health.ts'

interface Part {
  readonly name: string
  readonly help: string
  readonly check: (core: CoreHealth) => Promise<void>
}

const PARTS: readonly Part[] = [
  { name: 'oidc_gateway_provider_known', help: '1 when the metadata of the provider are at hand, else 0.', check: core => core.reached() },
  { name: 'oidc_gateway_sessions_reachable', help: '1 when the session store answers, else 0.', check: core => core.storeReady() }
]

/** Asks provider and store of each core whenever the metrics are read. */
export function gaugeParts (cores: readonly CoreHealth[], register: Registry): void {
  for (const { name, help, check } of PARTS) {
    const gauge = new Gauge({
      name,
      help,
      labelNames: ['route'] as const,
      // Of several workers one that is cut off counts.
      aggregator: 'min',
      registers: [register],
      async collect () {
        await Promise.all(cores.map(async core => { gauge.set({ route: core.name }, await isFine(() => check(core)) ? 1 : 0) }))
      }
    })
  }
}
