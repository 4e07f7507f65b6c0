import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import type { Readable } from 'node:stream'
import type { RequestOidc } from 'fastify-oidc'
import { breakOff } from './exchange.ts'

function nothing (): void {}

/** Whether the caller has a session that can end. */
export function hasSession (oidc: RequestOidc): boolean {
  return oidc.via === 'session'
}

/** Whether an answer of this type is for an event source. */
export function isEventStream (contentType: unknown): boolean {
  return typeof contentType === 'string' && contentType.toLowerCase().startsWith('text/event-stream')
}

/** One log line on an answer that ends with its session. */
export function logCut (log: FastifyBaseLogger): void {
  log.debug({ oidc: 'proxy.cut' }, 'the session ended, and with it an answer that was still running')
}

/**
 * Ends an answer that still runs, because its session is over. An event source learns of a clean end that it has to
 * connect anew, and that is refused; anything else must not look complete.
 */
export function cut (reply: FastifyReply, stream: Readable): void {
  logCut(reply.request.log)
  stream.on('error', nothing)
  if (!isEventStream(reply.getHeader('content-type'))) {
    breakOff(reply.raw)
    stream.destroy()
    return
  }
  stream.once('end', () => { stream.destroy(new Error('the session ended')) })
  stream.push(null)
}
