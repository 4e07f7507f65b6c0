import type { onRequestHookHandler } from 'fastify'
import { hostCloseness, hostMatches, hostOf } from '../configuration/hosts.ts'
import type { GatewayRoute } from '../configuration/routes.ts'
import { formatUri, uriMatches, type Uri } from '../configuration/uri.ts'
import { AmbiguousPathError } from '../errors.ts'

const SUSPICIOUS = /[\\;]|%(?:2e|2f|3b|5c|00)|\/\./i
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:;[^/]*)?(?:\/|$)/
const PARAMETERS = /;[^/]*/g
const SLASHES = /\/{2,}/g

const pathOf = (url: string): string => {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}

function decode (path: string): string | null {
  try {
    return decodeURIComponent(path)
  } catch {
    return null
  }
}

const hostsOf = (route: GatewayRoute, host: string): string[] => route.hosts.filter(pattern => hostMatches(pattern, host))

const longest = (uris: readonly Uri[], path: string): number =>
  Math.max(-1, ...uris.filter(uri => uriMatches(uri, path)).map(uri => formatUri(uri).length * 2 + Number(uri.kind === 'exact')))

/** The route that a path leads to: the longest path, then the highest priority, then the closest host. */
export function findRoute (routes: readonly GatewayRoute[], method: string, host: string, path: string): GatewayRoute | null {
  const fitting = routes
    .filter(route => route.methods === null || (route.methods as readonly string[]).includes(method))
    .map(route => ({ route, length: longest(route.uris, path), closeness: Math.max(-1, ...hostsOf(route, host).map(hostCloseness)) }))
    .filter(({ length, closeness }) => length >= 0 && closeness >= 0)
    .sort((a, b) => b.length - a.length || b.route.priority - a.route.priority || b.closeness - a.closeness)
  return fitting[0]?.route ?? null
}

/**
 * Whether a path could mean another route to the upstream than to us: dot segments, slashes that are hidden
 * (`%2f`, a backslash), and parameters of segments (`;x`), which some servers drop, where the route would be
 * another one with or without them.
 */
export function isAmbiguous (routes: readonly GatewayRoute[], method: string, host: string | undefined, url: string): boolean {
  const raw = pathOf(url)
  if (!SUSPICIOUS.test(raw)) return false
  const decoded = decode(raw)
  if (decoded === null) return false
  const plain = decoded.replaceAll('\\', '/').replace(SLASHES, '/')
  if (DOT_SEGMENT.test(plain) || decoded.includes('\0')) return true
  const seen = decode(raw.replace(/%(?:2f|5c)/gi, '_').replaceAll('\\', '_')) ?? raw
  const name = hostOf(host)
  const routeOf = (path: string): GatewayRoute | null => findRoute(routes, method, name, path)
  const route = routeOf(seen.replace(SLASHES, '/'))
  return [plain, plain.replace(PARAMETERS, '').replace(SLASHES, '/')].some(path => routeOf(path) !== route)
}

/** Refuses such paths before any route, and so before any login, looks at them. */
export function pathGuard (routes: readonly GatewayRoute[]): onRequestHookHandler {
  return (request, _reply, done) => {
    const { method = 'GET', url = '/', headers } = request.raw
    const host = headers.host ?? headers[':authority'] as string | undefined
    if (isAmbiguous(routes, method, host, url)) done(new AmbiguousPathError())
    else done()
  }
}
