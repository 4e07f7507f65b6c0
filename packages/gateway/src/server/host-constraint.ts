import type { IncomingMessage, Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'
import { hostCloseness, hostMatches, hostOf } from '../configuration/hosts.ts'

/** What a route asks of the host, as one text: the router compares constraints by value. */
export type HostConstraint = `${number} ${string}`

type HostStrategy = NonNullable<NonNullable<FastifyHttpOptions<Server>['routerOptions']>['constraints']>[string]
/** What the router keeps there is its own business. */
type Kept = ReturnType<ReturnType<HostStrategy['storage']>['get']>

interface Candidate {
  readonly pattern: string
  readonly priority: number
  readonly closeness: number
  readonly value: Kept
}

/** The constraint of a route for these host patterns. */
export function hostConstraint (hosts: readonly string[], priority: number): HostConstraint {
  return `${priority} ${hosts.join(' ')}`
}

const before = (a: Candidate, b: Candidate): number => b.priority - a.priority || b.closeness - a.closeness

/** The routes of one path: the highest priority whose host fits, then the closest host. */
function createStorage () {
  const values = new Map<string, Kept>()
  let candidates: Candidate[] = []
  return {
    /** Asked with a request's host, and while routes are added with a constraint, which has a blank in it. */
    get: (key: string): Kept => key.includes(' ') ? values.get(key) ?? null : candidates.find(({ pattern }) => hostMatches(pattern, key))?.value ?? null,
    set (constraint: string, value: Kept): void {
      const [priority = '0', ...patterns] = constraint.split(' ')
      values.set(constraint, value)
      candidates = [
        ...candidates,
        ...patterns.map(pattern => ({ pattern, priority: Number(priority), closeness: hostCloseness(pattern), value }))
      ].sort(before)
    }
  }
}

/**
 * In place of Fastify's own `host`, which compares the header as it was sent: here case, port and a final dot
 * do not matter, and wildcards and priorities do.
 */
export const hostStrategy: HostStrategy = {
  name: 'host',
  storage: createStorage,
  validate: () => {},
  deriveConstraint: (request: IncomingMessage): string => hostOf(request.headers.host ?? request.headers[':authority'] as string | undefined)
}
