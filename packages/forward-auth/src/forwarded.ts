import { randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** No client can know it. */
const PROBE = `${randomUUID()}.invalid`

const first = (value: string | string[] | undefined): string | undefined => Array.isArray(value) ? value[0] : value

/** Does Fastify's `trustProxy` believe who is at the other end of this connection? Asked is what it would make of a forwarded host. */
export function isTrustedPeer (request: FastifyRequest): boolean {
  const probed = Object.create(request, { headers: { value: { 'x-forwarded-host': PROBE } } }) as FastifyRequest
  return probed.host === PROBE
}

/** Path and query of the request that a trusted proxy asks about (`X-Forwarded-Uri`); null: none, or nobody may say so. */
export function forwardedPath (request: FastifyRequest): string | null {
  const path = first(request.headers['x-forwarded-uri'])
  return path?.startsWith('/') === true && isTrustedPeer(request) ? path : null
}

/** The method of the request that a trusted proxy asks about (`X-Forwarded-Method`, ingress-nginx: `X-Original-Method`); else the request's own. */
export function forwardedMethod (request: FastifyRequest): string {
  const method = first(request.headers['x-forwarded-method'] ?? request.headers['x-original-method'])
  return method !== undefined && isTrustedPeer(request) ? method.toUpperCase() : request.method
}
