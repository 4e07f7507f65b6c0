import { randomUUID } from 'node:crypto'
import type { FastifyRequest } from 'fastify'

/** No client can know it. */
const PROBE = `${randomUUID()}.invalid`

/** Does Fastify's `trustProxy` believe who is at the other end of this connection? Asked is what it would make of a forwarded host. */
export function isTrustedPeer (request: FastifyRequest): boolean {
  const probed = Object.create(request, { headers: { value: { 'x-forwarded-host': PROBE } } }) as FastifyRequest
  return probed.host === PROBE
}

/** Where a request comes from, by `trustProxy`; null: a proxy brought it and does not say, or it came over a socket without addresses. */
export function callerAddress (request: FastifyRequest): string | null {
  if (isTrustedPeer(request) && (request.ips ?? []).length < 2) return null
  return (request.ip as string | undefined) ?? null
}
