import { ANY_HOST, hostCloseness } from '../../configuration/hosts.ts'
import { formatUri, parseUri, uriMatches, uriProblem, type Uri } from '../../configuration/uri.ts'
import type { Match, Precedence } from '../precedence.ts'

interface UriMatch extends Match {
  readonly uri: Uri
  readonly priority: number
}

const texts = (one: unknown, several: unknown): string[] => [one, ...Array.isArray(several) ? several as unknown[] : []].filter(text => typeof text === 'string')

/** What a native route is for. */
export function matchesOf (route: Readonly<Record<string, unknown>>): UriMatch[] {
  const hosts = texts(route.host, route.hosts).map(host => host.toLowerCase())
  const priority = typeof route.priority === 'number' ? route.priority : 0
  const methods = Array.isArray(route.methods) ? route.methods : null
  const uris = texts(route.uri, route.uris).filter(uri => uriProblem(uri) === null).map(parseUri)
  return uris.flatMap(uri => (hosts.length === 0 ? [ANY_HOST] : hosts).map(host => ({ host, uri, priority, methods })))
}

const lengthOf = ({ uri }: UriMatch): number => formatUri(uri).length * 2 + Number(uri.kind === 'exact')

const byHost = (a: UriMatch, b: UriMatch): number => hostCloseness(a.host) - hostCloseness(b.host)
const byPath = (a: UriMatch, b: UriMatch): number => lengthOf(a) - lengthOf(b) || a.priority - b.priority

/** APISIX's default router (`radixtree_host_uri`) chooses by host before it looks at the path, and this gateway the other way round. */
export const PRECEDENCE: Precedence<UriMatch> = {
  nest: ({ uri: a }, { uri: b }) => formatUri(a) === formatUri(b) || uriMatches(a, b.path) || uriMatches(b, a.path),
  there: (a, b) => byHost(a, b) || byPath(a, b),
  here: (a, b) => byPath(a, b) || byHost(a, b)
}
