import type { FastifyBaseLogger } from 'fastify'
import type { OwnCookies } from 'fastify-oidc'

/** What the drop of a cookie needs to know. */
export interface CookieRules {
  readonly cookies: OwnCookies
  readonly log: FastifyBaseLogger
}

const MAX_WARNED = 1000

/**
 * The name that a browser sends this cookie back under. A cookie without a name (`=oidc=x`) comes back as its value,
 * so that its value is the name that counts (RFC 6265bis, section 5.7).
 */
function cookieName (setCookie: string): string {
  const pair = setCookie.split(';', 1).join('').replace(/^[\s=]+/, '')
  const equals = pair.indexOf('=')
  return (equals === -1 ? pair : pair.slice(0, equals)).trim()
}

/** Makes the function that says whether a cookie of an upstream may pass: none with the name of one of ours. */
export function createCookieFilter ({ cookies, log }: CookieRules): (setCookie: string, upstream: string) => boolean {
  const warned = new Set<string>()
  return (setCookie, upstream) => {
    const name = cookieName(setCookie)
    if (!cookies.isOwn(name)) return true
    if (!warned.has(upstream) && warned.size < MAX_WARNED) {
      warned.add(upstream)
      log.warn({ oidc: 'proxy.cookie.dropped', upstream, cookie: name }, 'the upstream set a cookie that has the name of one of ours, and it was dropped: rename it there, or set session.cookie_name here')
    }
    return false
  }
}
