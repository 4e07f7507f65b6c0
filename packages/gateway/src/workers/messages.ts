import { createEnvelope } from 'fastify-oidc-session-store'
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

// Coordination speaks over the same channel.
export const { wrap, unwrap } = createEnvelope<ToWorker | FromWorker>('oidc-gateway')
