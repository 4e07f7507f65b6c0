import type { FastifyRequest } from 'fastify'
import { isTrustedPeer, type Asked } from 'fastify-oidc'

const first = (value: string | string[] | undefined): string | undefined => Array.isArray(value) ? value[0] : value

/** Path and query of the request that a trusted proxy asks about (`X-Forwarded-Uri`); null: none, or nobody may say so. */
export function forwardedPath (request: FastifyRequest): string | null {
  const path = first(request.headers['x-forwarded-uri'])
  return path?.startsWith('/') === true && isTrustedPeer(request) ? path : null
}

function saidMethod (request: FastifyRequest): string | null {
  const method = first(request.headers['x-forwarded-method'] ?? request.headers['x-original-method'])
  return method !== undefined && isTrustedPeer(request) ? method.toUpperCase() : null
}

/** The method of the request that a trusted proxy asks about (`X-Forwarded-Method`, ingress-nginx: `X-Original-Method`); else the request's own. */
export function forwardedMethod (request: FastifyRequest): string {
  return saidMethod(request) ?? request.method
}

/** What a trusted proxy asks about. Its own request, a GET of `auth`, is not that: what the proxy does not say is not known. */
export function askedOf (request: FastifyRequest): Asked {
  return { method: saidMethod(request), url: forwardedPath(request) }
}
