import { formatPath } from 'fastify-oidc-session-store'
import { hostMatches } from '../../configuration/hosts.ts'
import { findReversed, shareRequests } from '../precedence.ts'
import type { Ledger } from '../report.ts'
import { matchesOf, PRECEDENCE, type PathMatch, type Turn } from './precedence.ts'
import { plainOf } from './routes.ts'

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

interface Guarded extends PathMatch {
  readonly turn: Turn
  /** Which one it asks for. */
  readonly login: string
}

/** Whether the first gets every host and method of the second. */
const covers = (wide: PathMatch, { host, methods }: PathMatch): boolean => hostMatches(wide.host, host) &&
  (wide.methods === null || (methods !== null && methods.every(method => wide.methods?.includes(method))))

/** Whether what begins with a path, and is not below it, would go there. */
const isAround = (wide: PathMatch, { path }: PathMatch): boolean => path.startsWith(`${plainOf(wide.path)}/`)

/** Where such requests would go, past the login that they need in Kong; null: nowhere. */
function findLeak (guarded: Guarded, all: readonly Guarded[]): Guarded | null {
  const around = all.filter(other => isAround(other, guarded) && shareRequests(other, guarded))
  const isTaken = (wide: Guarded): boolean => around.some(other => other.login === guarded.login && PRECEDENCE.here(other, wide) > 0 && (covers(other, guarded) || covers(other, wide)))
  return around.find(wide => wide.login !== guarded.login && PRECEDENCE.there(guarded, wide) >= 0 && !isTaken(wide)) ?? null
}

/** Refuses a login on a path that guards more in Kong, where a wider route would take the rest. */
export function judgeBeginnings (turns: readonly Turn[], ledger: Ledger): void {
  const all = turns.flatMap(turn => matchesOf(turn).map(match => ({ ...match, turn, login: JSON.stringify(turn.native.plugins ?? null) })))
  for (const guarded of all) {
    const { path, turn: { route, native } } = guarded
    const leak = native.plugins === undefined || path.endsWith('/') ? null : findLeak(guarded, all)
    if (leak !== null) ledger.refuse([...route.path, 'paths'], `guards whatever begins with ${path} in Kong; here ${path}x would go to ${formatPath(leak.turn.route.path)}, which does not ask for this login. Write ${path}/ in Kong, or guard both`)
  }
}
