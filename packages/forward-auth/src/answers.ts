import { STATUS_CODES } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

export type Endpoint = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** A status and its name: proxies look at the one, people at the other. */
export function sendStatus (reply: FastifyReply, status: 401 | 403 | 404): FastifyReply {
  return reply.code(status).headers({ 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' }).send(`${STATUS_CODES[status] ?? ''}\n`)
}

/** A form that was sent is not sent again where it leads. */
export function sendOn (request: FastifyRequest, reply: FastifyReply, location: string): FastifyReply {
  return reply.redirect(location, request.method === 'GET' || request.method === 'HEAD' ? 302 : 303)
}
