import type { ExplainedCaller, Explanation } from 'fastify-oidc'
import type { GatewayConfiguration } from '../configuration/check.ts'
import type { GatewayCore } from '../configuration/cores.ts'
import { openGateway } from '../server/gateway.ts'
import { kPlace } from '../server/route-place.ts'

/** A request that nobody sends. */
export interface DryRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'
  readonly url: string
  readonly host: string
}

/** What would become of it. */
export interface DryRun {
  /** Where the route stands in the file; null: there is none for it. */
  readonly route: string | null
  readonly explanation: Explanation
}

/** An address that nobody has (RFC 5737): no `trusted_ips` means it. */
const NOBODYS = '192.0.2.1'

const hasRedis = (consumer: unknown): boolean => consumer !== null && typeof consumer === 'object' && 'redis' in consumer

/** Sessions are not looked at, and no store is reached for; consumers are, where they are in its Redis. */
function withoutStore (core: GatewayCore): GatewayCore {
  const { session, consumer } = core.options
  if (session === null || typeof session !== 'object') return core
  return { ...core, options: { ...core.options, session: { ...session, storage: 'cookie', coordination: 'process', ...hasRedis(consumer) ? {} : { redis: undefined } } } }
}

const plain = (verdict: 'pass' | 'refuse', status: number | null, reason: string): Explanation => ({ verdict, status, code: null, reason, required: [], refusal: null, via: null })

/** Finds the route as the gateway does, and asks its core; no upstream hears of it. */
export async function dryRun (configuration: GatewayConfiguration, { method, url, host }: DryRequest, caller: ExplainedCaller): Promise<DryRun> {
  let found: DryRun | null = null
  const gateway = await openGateway({ ...configuration, forceHttps: false, metrics: null, logLevel: 'silent', cores: configuration.cores.map(withoutStore) }, {
    async intercept (request, reply) {
      const route = request.routeOptions.config[kPlace] ?? null
      if (request.is404) found = { route: null, explanation: plain('refuse', 404, 'no route is for this path, host and method') }
      else if (!request.server.hasDecorator('oidc')) found = { route, explanation: plain('pass', null, 'the gateway itself answers here') }
      else found = { route, explanation: await request.server.oidc.explain(request, caller) }
      return await reply.code(204).send()
    }
  })
  try {
    const answer = await gateway.app.inject({ method, url, headers: { host }, remoteAddress: NOBODYS })
    return found ?? { route: null, explanation: plain('refuse', answer.statusCode, answer.json<{ message?: string }>().message ?? 'the request cannot be read') }
  } finally {
    await gateway.close()
  }
}
