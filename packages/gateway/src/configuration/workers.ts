import type { OptionProblem } from 'fastify-oidc-session-store'
import type { GatewayCore } from './cores.ts'
import { problemAt } from './problems.ts'
import { PLUGIN } from './routes.ts'
import { countWorkers, type WorkerCount } from './worker-count.ts'

type SessionOptions = Readonly<{ storage?: unknown, coordination?: unknown }> & Readonly<Record<string, unknown>>

function sessionOf ({ options }: GatewayCore): SessionOptions | null {
  const { session, bearer_only: bearerOnly } = options
  return bearerOnly === true || session === null || typeof session !== 'object' ? null : session as SessionOptions
}

/** Sessions in cookies are agreed on among several workers, unless the file says how. */
function shareSessions (core: GatewayCore): GatewayCore {
  const session = sessionOf(core)
  if (session === null || session.storage === 'redis' || session.coordination !== undefined) return core
  return { ...core, options: { ...core.options, session: { ...session, coordination: 'workers' } } }
}

function findLoner (core: GatewayCore): OptionProblem[] {
  if (sessionOf(core)?.coordination !== 'process') return []
  const path = [...core.routes[0]?.route.place ?? [], 'plugins', PLUGIN, 'session', 'coordination']
  return [problemAt(path, 'is process, and several workers would not know of each other\'s logouts: leave it out, or write workers or redis')]
}

/** Cores as each of several workers has them. */
export function shareAmongWorkers (cores: readonly GatewayCore[], written: WorkerCount): { readonly cores: readonly GatewayCore[], readonly problems: readonly OptionProblem[] } {
  if (written === 1) return { cores, problems: [] }
  return { cores: countWorkers(written) === 1 ? cores : cores.map(shareSessions), problems: cores.flatMap(findLoner) }
}
