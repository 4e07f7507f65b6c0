import type { IncomingMessage } from 'node:http'

/** An issuer's path, without a slash at its end. */
export function pathOfIssuer (issuer: string): string {
  return new URL(issuer).pathname.replace(/\/$/, '')
}

/**
 * Turns a request for an address below an issuer into one that the provider's library knows: by the path below the issuer's,
 * and as something in front would tell it the issuer's host and scheme. False: it is for another address.
 */
export function enterIssuer (request: IncomingMessage & { originalUrl?: string }, issuer: string): boolean {
  const { url = '/' } = request
  const path = pathOfIssuer(issuer)
  if (!url.startsWith(`${path}/`)) return false
  const { protocol, host } = new URL(issuer)
  request.originalUrl = url
  request.url = url.slice(path.length)
  request.headers['x-forwarded-proto'] = protocol.slice(0, -1)
  request.headers['x-forwarded-host'] = host
  return true
}
