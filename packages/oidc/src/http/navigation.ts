import type { FastifyRequest } from 'fastify'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** A WebSocket handshake: its answer can carry no cookie and no page. */
export function isUpgrade (request: FastifyRequest): boolean {
  return request.headers.upgrade !== undefined && request.headers.upgrade.toLowerCase() === 'websocket'
}

/** Is somebody looking at a page, so that a redirect makes sense? Everything that does not say otherwise. */
export function isNavigation (request: FastifyRequest): boolean {
  if (isUpgrade(request)) return false
  const mode = request.headers['sec-fetch-mode']
  if (mode !== undefined) return mode === 'navigate'
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (request.headers['x-requested-with'] !== undefined) return false
  const { accept } = request.headers
  return accept === undefined || accept.includes('text/html') || accept.includes('*/*')
}

/** Does somebody go to a page in a window of its own? A login on the way then costs nothing that was typed, and breaks no frame. */
export function isVisit (request: FastifyRequest): boolean {
  const destination = request.headers['sec-fetch-dest']
  return request.method === 'GET' && isNavigation(request) && (destination === undefined || destination === 'document')
}

/** Does another site send this, by what a browser cannot be made to lie about? */
export function isCrossSite (request: FastifyRequest, origin: () => string): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined) return site === 'cross-site'
  const from = request.headers.origin
  return from !== undefined && from !== origin()
}

export function isUnsafe (request: FastifyRequest, method = request.method): boolean {
  return !SAFE.has(method) || isUpgrade(request)
}
