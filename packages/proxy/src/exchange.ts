import type { ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** The reply of a request that is on its way to an upstream. */
export const kReply: unique symbol = Symbol('fastify-oidc-proxy.reply')

/** The origin that a request goes to; null until it is chosen. */
export const kUpstream: unique symbol = Symbol('fastify-oidc-proxy.upstream')

/** A request of a proxied route, after `admission.ts`. */
export interface ProxiedRequest extends FastifyRequest {
  [kReply]: FastifyReply
  [kUpstream]: string
}

/** Whether nobody is left to take the answer. */
export function clientIsGone (reply: FastifyReply): boolean {
  const { raw } = reply
  return raw.destroyed || (raw as unknown as Partial<Http2ServerResponse>).stream?.destroyed === true
}

/** Ends an answer so that the client sees that it is not whole: a destroyed HTTP/2 stream would say NO_ERROR. */
export function breakOff (raw: ServerResponse): void {
  const { stream } = raw as unknown as Partial<Http2ServerResponse>
  if (stream === undefined) raw.destroy()
  else stream.close(constants.NGHTTP2_INTERNAL_ERROR)
}
