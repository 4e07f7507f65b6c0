import { ANY_HOST, hostCloseness, hostsOverlap } from '../../configuration/hosts.ts'
import { formatUri, parseUri, uriMatches, uriProblem, type Uri } from '../../configuration/uri.ts'

/** One host and one path of a route. */
interface Match {
  readonly host: string
  readonly uri: Uri
  readonly priority: number
  readonly methods: readonly unknown[] | null
}

const texts = (one: unknown, several: unknown): string[] => [one, ...Array.isArray(several) ? several as unknown[] : []].filter(text => typeof text === 'string')

function matchesOf (route: Readonly<Record<string, unknown>>): Match[] {
  const hosts = texts(route.host, route.hosts).map(host => host.toLowerCase())
  const priority = typeof route.priority === 'number' ? route.priority : 0
  const methods = Array.isArray(route.methods) ? route.methods : null
  const uris = texts(route.uri, route.uris).filter(uri => uriProblem(uri) === null).map(parseUri)
  return uris.flatMap(uri => (hosts.length === 0 ? [ANY_HOST] : hosts).map(host => ({ host, uri, priority, methods })))
}

const nest = (a: Uri, b: Uri): boolean => formatUri(a) === formatUri(b) || uriMatches(a, b.path) || uriMatches(b, a.path)

const meet = (a: Match, b: Match): boolean => nest(a.uri, b.uri) && hostsOverlap(a.host, b.host) &&
  (a.methods === null || b.methods === null || a.methods.some(method => b.methods?.includes(method)))

const lengthOf = ({ uri }: Match): number => formatUri(uri).length * 2 + Number(uri.kind === 'exact')

const byHost = (a: Match, b: Match): number => hostCloseness(a.host) - hostCloseness(b.host)
const byPath = (a: Match, b: Match): number => lengthOf(a) - lengthOf(b) || a.priority - b.priority

/**
 * Pairs of routes between which APISIX's default router (`radixtree_host_uri`) chooses by host before it looks
 * at the path, and this gateway the other way round, so that a request would get another route.
 */
export function findReversed (routes: ReadonlyArray<Readonly<Record<string, unknown>>>): ReadonlyArray<readonly [first: number, second: number]> {
  const matches = routes.map(matchesOf)
  const reversed = (a: Match, b: Match): boolean => meet(a, b) && byHost(a, b) * byPath(a, b) < 0
  return matches.flatMap((mine, second) => matches.slice(0, second).flatMap((others, first) =>
    mine.some(a => others.some(b => reversed(a, b))) ? [[first, second] as const] : []))
}
