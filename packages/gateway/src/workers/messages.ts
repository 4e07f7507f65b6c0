import type { MetricObjectWithValues, MetricValue } from 'prom-client'

/** The metrics of one worker. */
export type WorkerMetrics = ReadonlyArray<MetricObjectWithValues<MetricValue<string>>>

export type ToWorker =
  /** Finish what is under way, and end. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'metrics', readonly id: number }

export type FromWorker =
  /** Serving, from now on. */
  | { readonly kind: 'listening', readonly address: string }
  | { readonly kind: 'metrics', readonly id: number, readonly metrics: WorkerMetrics }

const NAME = 'oidc-gateway'

/** Coordination speaks over the same channel: ours is told by its name. */
export function wrap (message: ToWorker | FromWorker): object {
  return { [NAME]: message }
}

/** null: not ours. */
export function unwrap<T extends ToWorker | FromWorker> (message: unknown): T | null {
  return message !== null && typeof message === 'object' && NAME in message ? (message as Record<string, T>)[NAME] ?? null : null
}
