import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyOidc, RequestOidc } from 'fastify-oidc'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { breakOff, clientIsGone } from './exchange.ts'

/** An answer of the upstream, as @fastify/reply-from hands it over. */
export interface UpstreamAnswer {
  readonly stream: Readable
}

function nothing (): void {}

/** Whether an answer can go on for as long as it likes. */
function isOpenEnded (reply: FastifyReply): boolean {
  return reply.getHeader('content-length') === undefined && reply.request.method !== 'HEAD' && reply.statusCode !== 204 && reply.statusCode !== 304
}

function isEventStream (reply: FastifyReply): boolean {
  return String(reply.getHeader('content-type')).toLowerCase().startsWith('text/event-stream')
}

/** An event source learns of a clean end that it has to connect anew, and that is refused. Anything else must not look complete. */
function cut (reply: FastifyReply, stream: Readable): void {
  reply.request.log.debug({ oidc: 'proxy.cut' }, 'the session ended, and with it an answer that was still running')
  stream.on('error', nothing)
  if (!isEventStream(reply)) {
    breakOff(reply.raw)
    stream.destroy()
    return
  }
  stream.once('end', () => { stream.destroy(new Error('the session ended')) })
  stream.push(null)
}

function flush (this: ServerResponse): void {
  this.flushHeaders()
}

function flushIfIdle (raw: ServerResponse): void {
  if (!raw.headersSent && !raw.destroyed) raw.flushHeaders()
}

function flushSoon (this: ServerResponse): void {
  setImmediate(flushIfIdle, this)
}

/** Fastify sends headers with the first part of a body; a client that waits for an event must see them before. */
function sendHeadersEarly (reply: FastifyReply): void {
  reply.raw.once('pipe', isEventStream(reply) ? flush : flushSoon)
}

/** Whether the caller has a session that can end. */
export function hasSession (oidc: RequestOidc): boolean {
  return oidc.via === 'session'
}

/** Sends an answer on; one that can outlive its session is watched, so that it ends with it. */
export function createResponder (core: FastifyOidc): (request: FastifyRequest, reply: FastifyReply, answer: UpstreamAnswer) => void {
  return (request, reply, { stream }) => {
    // An answer with an invalid status was replaced by an error before.
    if (reply.sent) {
      stream.on('error', nothing).destroy()
      return
    }
    if (isOpenEnded(reply) && !clientIsGone(reply)) {
      sendHeadersEarly(reply)
      if (hasSession(request.oidc)) reply.raw.once('close', core.onSessionEnd(request, () => { cut(reply, stream) }))
    }
    if (request.raw.httpVersionMajor === 2) stream.once('error', () => { if (!stream.readableEnded) breakOff(reply.raw) })
    reply.send(stream)
  }
}
