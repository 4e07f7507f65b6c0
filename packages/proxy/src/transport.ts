import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { kReply } from './exchange.ts'

/** Who waits for an answer. Emits `abort` when it waits no more. */
export type Client = ServerResponse

/** Headers for the upstream. The reply goes with them, so that the dispatcher knows whom it works for. */
export interface UpstreamHeaders extends IncomingHttpHeaders {
  [kReply]?: FastifyReply
}

/** A request as @fastify/reply-from hands it over. */
export interface UpstreamRequest extends Omit<Dispatcher.RequestOptions, 'headers' | 'signal' | 'body'> {
  readonly origin: string
  readonly headers: UpstreamHeaders
  /** A stream, or the empty string for none: the parsers here make nothing else. */
  readonly body?: Readable | string | null
  /** By undici's name for it. */
  signal?: Client
  /** Missing in undici's types: the name for TLS. */
  servername?: string
}

/** An answer as @fastify/reply-from takes it. */
export interface UpstreamResponse {
  readonly statusCode: number
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
}

export type Answered = (error: Error | null, answer?: UpstreamResponse) => void

/** A way to upstreams. */
export interface Transport {
  /** Calls back once, with an answer or with why there is none. Never sends anything twice. */
  send (request: UpstreamRequest, answered: Answered): void
  destroy (): Promise<void>
}

/** Whole milliseconds. */
export function inMs (seconds: number): number {
  return Math.round(seconds * 1000)
}
