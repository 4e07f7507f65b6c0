import type { EndMark } from '../end-marks.ts'
import { createEnvelope } from './envelope.ts'

/** What a worker asks of the primary. */
export type Call =
  | { readonly kind: 'join' }
  | { readonly kind: 'lock', readonly key: string, readonly ttlMs: number }
  | { readonly kind: 'release', readonly lock: number }
  | { readonly kind: 'wait', readonly key: string, readonly maxMs: number }
  | { readonly kind: 'publish', readonly key: string, readonly sealed: string, readonly ttlMs: number }
  | { readonly kind: 'take', readonly key: string }
  | { readonly kind: 'end', readonly mark: EndMark }

export type FromWorker =
  | { readonly kind: 'call', readonly id: number, readonly call: Call }
  | { readonly kind: 'heard', readonly end: number }

export type FromPrimary =
  | { readonly kind: 'answer', readonly id: number, readonly answer: unknown }
  | { readonly kind: 'ended', readonly end: number, readonly mark: EndMark }

// The number is that of the messages: copies of this package that speak the same ones understand each other.
export const { wrap, unwrap } = createEnvelope<FromWorker | FromPrimary>('fastify-oidc-coordination/1')
