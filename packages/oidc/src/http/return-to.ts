import type { FastifyRequest } from 'fastify'
import { HostInvalidError } from '../errors.ts'
import type { DomainList } from '../policy/domain-list.ts'

/** A name, an IPv4 or a bracketed IPv6 address, and a port: what a URL parser would repair or decode names no host. */
const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-f:.]+\])(?::\d{1,5})?$/i
/** RFC 1035, section 2.3.4, and a port: what is longer names nothing, and would stand in logs and redirects. */
const MAX_HOST_LENGTH = 255 + 6

/**
 * Scheme and host as the browser sees them; from forwarded headers only where Fastify's `trustProxy` says so.
 * @throws FST_OIDC_HOST_INVALID
 */
export function originOf (request: FastifyRequest): string {
  const origin = `${request.protocol}://${request.host}`
  if (request.host.length > MAX_HOST_LENGTH || !HOST.test(request.host) || !/^https?$/.test(request.protocol) || !URL.canParse(origin)) throw new HostInvalidError()
  return new URL(origin).origin
}

/**
 * A path and query that a browser follows without leaving the origin; null for anything else. Judged by what a
 * URL parser makes of it, twice: what `/.//evil.example` becomes is another host.
 */
export function sameOriginPath (target: string, origin: string): string | null {
  if (!URL.canParse(target, origin)) return null
  const url = new URL(target, origin)
  if (url.origin !== origin) return null
  const path = url.pathname + url.search
  return path.startsWith('/') && !path.startsWith('//') && URL.canParse(path, origin) && new URL(path, origin).href === url.origin + path ? path : null
}

const ABSOLUTE = /^https?:\/\/[^/\\]/
/** What URL parsers drop or repair, so that readers differ about it. */
const REPAIRED = /[\u0000-\u001f\u007f\\]/ // eslint-disable-line no-control-regex -- these are what it looks for
/** Browsers take these for safe without TLS. */
const LOOPBACK = /^(?:localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/

/** Where a browser may be sent on somebody's word. */
export interface ReturnTargets {
  /** A path of this origin, or a whole address on a host of `whitelist_domains`, as a URL parser writes it; null: neither. */
  targetOf (address: string, origin: string): string | null
}

export function createReturnTargets (domains: DomainList): ReturnTargets {
  const isElsewhere = (url: URL): boolean => (url.protocol === 'https:' || LOOPBACK.test(url.hostname)) && domains.coversUrl(url)
  return {
    targetOf (address, origin) {
      if (REPAIRED.test(address) || !(address.startsWith('/') || ABSOLUTE.test(address)) || !URL.canParse(address, origin)) return null
      const url = new URL(address, origin)
      if (url.username !== '' || url.password !== '') return null
      if (url.origin !== origin) return address.startsWith('/') || !isElsewhere(url) ? null : url.href
      const path = sameOriginPath(address, origin)
      return path === null ? null : path + url.hash
    }
  }
}

/** Where a login comes back to: what was asked for, or where the form that was sent stood. */
export function returnToOf (request: FastifyRequest, origin: string): string {
  if (request.method === 'GET' || request.method === 'HEAD') return sameOriginPath(request.originalUrl, origin) ?? '/'
  const { referer } = request.headers
  return referer === undefined ? '/' : sameOriginPath(referer, origin) ?? '/'
}

/** Of the address that was asked for, without the query. */
export function pathOf (request: FastifyRequest): string {
  const end = request.originalUrl.indexOf('?')
  return end < 0 ? request.originalUrl : request.originalUrl.slice(0, end)
}
