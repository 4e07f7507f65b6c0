import { ANY_HOST, hostCloseness } from '../../configuration/hosts.ts'
import type { Match, Precedence } from '../precedence.ts'
import { plainOf, type RoutePlan } from './routes.ts'
import { isUnset, readList } from './values.ts'

type Native = Readonly<Record<string, unknown>>

/** A path of a route of Kong, and the native route that was made of it. */
export interface Turn extends Pick<RoutePlan, 'route' | 'path'> {
  readonly native: Native
}

/** One host and one path of it. */
export interface PathMatch extends Match {
  readonly path: string
  /** How many kinds of rules the route has. */
  readonly rules: number
  readonly hasPlainHosts: boolean
}

/** What a path of a route is for. */
export function matchesOf ({ route: { value }, path }: Turn): PathMatch[] {
  const hosts = readList(value.hosts).map(host => host.toLowerCase())
  const shared = {
    path,
    methods: isUnset(value.methods) ? null : readList(value.methods),
    rules: [value.hosts, value.methods, value.paths].filter(rule => !isUnset(rule)).length,
    hasPlainHosts: hosts.length > 0 && hosts.every(host => !host.includes('*'))
  }
  return (hosts.length === 0 ? [ANY_HOST] : hosts).map(host => ({ ...shared, host }))
}

/** A path of Kong is the beginning of whatever it holds for, and is looked at after the number of rules, and plain hosts. */
export const PRECEDENCE: Precedence<PathMatch> = {
  nest: (a, b) => a.path.startsWith(b.path) || b.path.startsWith(a.path),
  there: (a, b) => a.rules - b.rules || Number(a.hasPlainHosts) - Number(b.hasPlainHosts) || a.path.length - b.path.length,
  here: (a, b) => plainOf(a.path).length - plainOf(b.path).length || hostCloseness(a.host) - hostCloseness(b.host)
}
