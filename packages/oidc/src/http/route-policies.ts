import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { formatProblem } from 'fastify-oidc-session-store'
import { PolicyInvalidError } from '../errors.ts'
import { compilePolicy } from '../policy/compiler.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import type { PolicyOptions, RoutePolicy } from '../policy/schema.ts'
import type { OpenRequests } from './open-requests.ts'

const POLICY = Symbol('fastify-oidc.policy')

type Config = Record<PropertyKey, unknown> & { oidc?: RoutePolicy | false }

/** What one route requires. */
export interface RouteRequirement {
  readonly method: string
  readonly url: string
  /** null: open to everyone. */
  readonly policy: PolicyOptions | null
  /** Rules that may let somebody pass without a session: `skip_auth_routes`, `skip_auth_preflight`, `trusted_ips`. */
  readonly openedBy: readonly string[]
}

/** Policies by route: compiled when the route is declared. */
export interface RoutePolicies {
  /** Of routes that say nothing. */
  readonly base: CompiledPolicy
  /** The `onRoute` hook. @throws FST_OIDC_POLICY_INVALID */
  declare (route: RouteOptions): void
  /** null: the route is open. @throws FST_OIDC_POLICY_INVALID for a route that was declared before the plugin was loaded */
  policyOf (request: FastifyRequest): CompiledPolicy | null
  compile (name: string, policy: unknown): CompiledPolicy
  list (): readonly RouteRequirement[]
}

export function createRoutePolicies (base: CompiledPolicy, log: FastifyInstance['log'], openRequests: OpenRequests | null): RoutePolicies {
  const late = new WeakMap<object, CompiledPolicy | null>()
  const requirements: RouteRequirement[] = []
  let warned = false

  function compile (name: string, input: unknown): CompiledPolicy {
    const { policy, problems } = compilePolicy(input, base)
    if (problems.length > 0) throw new PolicyInvalidError(name, problems.map(problem => `  - ${formatProblem(problem)}`).join('\n'))
    return policy
  }

  function policyFor (name: string, written: RoutePolicy | false | undefined): CompiledPolicy | null {
    if (written === false) return null
    return written === undefined ? base : compile(name, written)
  }

  function requirementOf (method: string, url: string, policy: CompiledPolicy | null): RouteRequirement {
    return { method, url, policy: policy?.options ?? null, openedBy: policy === null ? [] : openRequests?.listFor(method, url) ?? [] }
  }

  function compileLate (request: FastifyRequest, config: Config): CompiledPolicy | null {
    if (request.is404) return base
    if (!warned) {
      warned = true
      log.warn({ oidc: 'route.late', url: request.routeOptions.url }, 'this route was declared before fastify-oidc was loaded; it is guarded, but its policy is checked only now: write `await app.register(oidc, …)` before the routes')
    }
    const policy = policyFor(`${request.method} ${request.routeOptions.url ?? ''}`, config.oidc)
    late.set(config, policy)
    return policy
  }

  return {
    base,
    compile,
    declare (route) {
      const config = route.config as Config | undefined
      const policy = policyFor(`${String(route.method)} ${route.url}`, config?.oidc)
      route.config = { ...config, [POLICY]: policy } as unknown as typeof route.config
      for (const method of [route.method].flat()) requirements.push(requirementOf(method, route.url, policy))
    },
    policyOf (request) {
      const config = request.routeOptions.config as unknown as Config | undefined
      if (config === undefined) return base
      const policy = config[POLICY] as CompiledPolicy | null | undefined
      if (policy !== undefined) return policy
      const known = late.get(config)
      return known === undefined ? compileLate(request, config) : known
    },
    list: () => requirements
  }
}
