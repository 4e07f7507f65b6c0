import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyOidc } from 'fastify-oidc'
import { breakOff, clientIsGone } from './exchange.ts'
import { cut, hasSession, isEventStream } from './session-end.ts'

/** An answer of the upstream, as @fastify/reply-from hands it over. */
export interface UpstreamAnswer {
  readonly stream: Readable
}

/** Sends an answer on to the client. */
export type Responder = (request: FastifyRequest, reply: FastifyReply, answer: UpstreamAnswer) => void

function nothing (): void {}

/** Whether an answer can go on for as long as it likes. */
function isOpenEnded (reply: FastifyReply): boolean {
  return reply.getHeader('content-length') === undefined && reply.request.method !== 'HEAD' && reply.statusCode !== 204 && reply.statusCode !== 304
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
  reply.raw.once('pipe', isEventStream(reply.getHeader('content-type')) ? flush : flushSoon)
}

/** Makes the function that sends answers on. One that can outlive its session is watched, so that it ends with it. */
export function createResponder (core: FastifyOidc): Responder {
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
