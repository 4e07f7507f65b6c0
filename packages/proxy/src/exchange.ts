import type { Http2ServerResponse } from 'node:http2'
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
