import { formatPath } from 'fastify-oidc-session-store'
import { ANY_HOST, hostCloseness } from '../../configuration/hosts.ts'
import { findReversed, type Match, type Precedence } from '../precedence.ts'
import type { Ledger } from '../report.ts'
import type { RoutePlan } from './routes.ts'
import { isUnset, readList } from './values.ts'

type Native = Readonly<Record<string, unknown>>

/** A path of a route of Kong, and the native route that was made of it. */
export interface Turn extends Pick<RoutePlan, 'route' | 'path'> {
  readonly native: Native
}

interface PathMatch extends Match {
  readonly path: string
  /** How many kinds of rules the route has. */
  readonly rules: number
  readonly hasPlainHosts: boolean
}

function matchesOf ({ route: { value }, path }: Turn): PathMatch[] {
  const hosts = readList(value.hosts).map(host => host.toLowerCase())
  const shared = {
    path,
    methods: isUnset(value.methods) ? null : readList(value.methods),
    rules: [value.hosts, value.methods, value.paths].filter(rule => !isUnset(rule)).length,
    hasPlainHosts: hosts.length > 0 && hosts.every(host => !host.includes('*'))
  }
  return (hosts.length === 0 ? [ANY_HOST] : hosts).map(host => ({ ...shared, host }))
}

const plainOf = (path: string): string => path.replace(/\/+$/, '')

/** A path of Kong is the beginning of whatever it holds for. */
const PRECEDENCE: Precedence<PathMatch> = {
  nest: (a, b) => a.path.startsWith(b.path) || b.path.startsWith(a.path),
  there: (a, b) => a.rules - b.rules || Number(a.hasPlainHosts) - Number(b.hasPlainHosts) || a.path.length - b.path.length,
  here: (a, b) => plainOf(a.path).length - plainOf(b.path).length || hostCloseness(a.host) - hostCloseness(b.host)
}

/** What happens to a request that a route gets. */
const effectOf = ({ native: { upstream, rewrite_prefix: rewrite, plugins } }: Turn): string => JSON.stringify([upstream, rewrite, plugins])

/** Refuses routes between which Kong and this gateway choose differently. */
export function judgeTurns (turns: readonly Turn[], ledger: Ledger): void {
  for (const [first, second] of findReversed(turns.map(matchesOf), PRECEDENCE)) {
    const [earlier, later] = [turns[first], turns[second]]
    if (earlier === undefined || later === undefined || earlier.route === later.route || effectOf(earlier) === effectOf(later)) continue
    ledger.refuse(later.route.path, `would change its turn with ${formatPath(earlier.route.path)}: Kong takes the route with more rules (hosts, methods, paths), then the one with plain hosts, this gateway the longer path. Give both the same kinds of rules, or paths that do not overlap`)
  }
}
