import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyBaseLogger } from 'fastify'
import type { OwnCookies } from 'fastify-oidc'
import { makePrivate } from './cache-control.ts'
import { kReply, kUpstream, type ProxiedRequest } from './exchange.ts'
import { endsHere, namedByConnection } from './header-names.ts'
import type { LocationRewriter } from './location.ts'

/** Makes the headers that a client gets from those of the upstream's answer. */
export type ResponseHeaders = (received: IncomingHttpHeaders, request: ProxiedRequest) => IncomingHttpHeaders

/** What the drop of a cookie needs to know. */
interface CookieRules {
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

function createCookieFilter ({ cookies, log }: CookieRules): (setCookies: readonly string[], upstream: string) => string[] {
  const warned = new Set<string>()
  return (setCookies, upstream) => setCookies.filter(setCookie => {
    const name = cookieName(setCookie)
    if (!cookies.isOwn(name)) return true
    if (!warned.has(upstream) && warned.size < MAX_WARNED) {
      warned.add(upstream)
      log.warn({ oidc: 'proxy.cookie.dropped', upstream, cookie: name }, 'the upstream set a cookie that has the name of one of ours, and it was dropped: rename it there, or set session.cookie_name here')
    }
    return false
  })
}

/**
 * Makes the function that an answer's headers go through. Cookies that were put on the reply before stay on it:
 * Fastify adds the upstream's to them.
 */
export function createResponseHeaders (rules: CookieRules, rewriteLocation: LocationRewriter): ResponseHeaders {
  const filterCookies = createCookieFilter(rules)
  return (received, request) => {
    const headers: IncomingHttpHeaders = {}
    const named = namedByConnection(received.connection)
    for (const name in received) {
      if (!endsHere(name) && !named.includes(name)) headers[name] = received[name]
    }
    const setCookies = headers['set-cookie'] as string | string[] | undefined
    if (setCookies !== undefined) {
      const kept = filterCookies(typeof setCookies === 'string' ? [setCookies] : setCookies, request[kUpstream])
      if (kept.length > 0) headers['set-cookie'] = kept
      else delete headers['set-cookie']
    }
    if (typeof headers.location === 'string') headers.location = rewriteLocation(headers.location, [request[kUpstream], `${request.protocol}://${request.host}`])
    const reply = request[kReply]
    if (reply.getHeader('set-cookie') !== undefined) makePrivate(headers, reply.getHeader('cache-control'))
    return headers
  }
}
