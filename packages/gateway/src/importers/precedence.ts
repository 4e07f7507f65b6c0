import { hostsOverlap } from '../configuration/hosts.ts'

/** One host and one path of a route. */
export interface Match {
  readonly host: string
  /** null: all. */
  readonly methods: readonly unknown[] | null
}

/** How two gateways choose between matches that a request fits both of. */
export interface Precedence<M> {
  /** Whether some path fits both. */
  readonly nest: (a: M, b: M) => boolean
  /** Above zero: the first goes before the second in the gateway that the file was written for. */
  readonly there: (a: M, b: M) => number
  /** The same for this gateway. */
  readonly here: (a: M, b: M) => number
}

/** Whether some request could be for both, by its host and method. */
export function shareRequests (a: Match, b: Match): boolean {
  return hostsOverlap(a.host, b.host) && (a.methods === null || b.methods === null || a.methods.some(method => b.methods?.includes(method)))
}

/** Pairs of routes of which a request would get the one there, and the other here. */
export function findReversed<M extends Match> (routes: ReadonlyArray<readonly M[]>, { nest, there, here }: Precedence<M>): ReadonlyArray<readonly [first: number, second: number]> {
  const reversed = (a: M, b: M): boolean => nest(a, b) && shareRequests(a, b) && there(a, b) * here(a, b) < 0
  return routes.flatMap((mine, second) => routes.slice(0, second).flatMap((others, first) =>
    mine.some(a => others.some(b => reversed(a, b))) ? [[first, second] as const] : []))
}
