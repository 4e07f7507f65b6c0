import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import { formatProblem } from 'fastify-oidc-session-store'
import { PolicyInvalidError } from '../errors.ts'
import { compilePolicy } from '../policy/compiler.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { nearestResource, type ProtectedResource } from '../policy/protected-resource.ts'
import type { PolicyOptions, RoutePolicy } from '../policy/schema.ts'
import type { OpenRequests } from './open-requests.ts'

type Config = Record<PropertyKey, unknown> & { oidc?: RoutePolicy | false }

/** What one route requires. */
export interface RouteRequirement {
  readonly method: string
  readonly url: string
  /** null: open to everyone. */
  readonly policy: PolicyOptions | null
  /** Rules that may let somebody pass without a session: `skip_auth_routes`, `skip_auth_preflight`, `trusted_ips`. */
  readonly openedBy: readonly string[]
  /** URI of the resource that the route belongs to (`resource_metadata`); null: of none. */
  readonly resource: string | null
}

/** Policies by route: compiled when the route is declared. */
export interface RoutePolicies {
  /** Of routes that say nothing. */
  readonly base: CompiledPolicy
  /** The `onRoute` hook. @throws FST_OIDC_POLICY_INVALID */
  declare (route: RouteOptions): void
  /** null: the route is open. @throws FST_OIDC_POLICY_INVALID for a route that was declared before the plugin was loaded */
  policyOf (request: FastifyRequest): CompiledPolicy | null
  /** A policy that is not a route's: over what the resource of a request asks for. @throws FST_OIDC_POLICY_INVALID */
  compile (name: string, policy: unknown): (request: FastifyRequest) => CompiledPolicy
  list (): readonly RouteRequirement[]
  /** What a route of this scope requires, and which rules may open it; null: it was not declared here. */
  declared (route: Pick<RouteOptions, 'method' | 'url' | 'config'>): DeclaredRoute | null
}

export interface DeclaredRoute {
  /** null: open to everyone. */
  readonly policy: CompiledPolicy | null
  readonly openedBy: readonly string[]
}

/** What routes start from. */
export interface PolicyBases {
  /** Empty: nothing is said of any. */
  readonly resources: readonly ProtectedResource[]
  /** null: there is none. */
  baseOf (resource: ProtectedResource | null): CompiledPolicy
}

export function createRoutePolicies ({ resources, baseOf }: PolicyBases, log: FastifyInstance['log'], openRequests: OpenRequests | null): RoutePolicies {
  /** Of this core alone: whoever collects routes of several scopes can tell them apart. */
  const POLICY = Symbol('fastify-oidc.policy')
  const first = baseOf(resources[0] ?? null)
  const bases = new Map(resources.map(resource => [resource, baseOf(resource)]))
  const late = new WeakMap<object, CompiledPolicy | null>()
  const requirements: RouteRequirement[] = []
  let warned = false

  function pick (policies: ReadonlyMap<ProtectedResource, CompiledPolicy>, url: string): CompiledPolicy | undefined {
    const resource = nearestResource(resources, url)
    return resource === null ? undefined : policies.get(resource)
  }

  function compile (name: string, input: unknown, base: CompiledPolicy = first): CompiledPolicy {
    const { policy, problems } = compilePolicy(input, base)
    if (problems.length > 0) throw new PolicyInvalidError(name, problems.map(problem => `  - ${formatProblem(problem)}`).join('\n'))
    return policy
  }

  function policyFor (method: string, url: string, written: RoutePolicy | false | undefined): CompiledPolicy | null {
    if (written === false) return null
    const base = pick(bases, url) ?? first
    return written === undefined ? base : compile(`${method} ${url}`, written, base)
  }

  function openedBy (method: string, url: string, policy: CompiledPolicy | null): readonly string[] {
    return policy === null ? [] : openRequests?.listFor(method, url) ?? []
  }

  function requirementOf (method: string, url: string, policy: CompiledPolicy | null): RouteRequirement {
    return { method, url, policy: policy?.options ?? null, openedBy: openedBy(method, url, policy), resource: policy?.ground.resource?.uri ?? null }
  }

  function compileLate (request: FastifyRequest, config: Config): CompiledPolicy | null {
    if (request.is404) return first
    if (!warned) {
      warned = true
      log.warn({ oidc: 'route.late', url: request.routeOptions.url }, 'this route was declared before fastify-oidc was loaded; it is guarded, but its policy is checked only now: write `await app.register(oidc, …)` before the routes')
    }
    const policy = policyFor(request.method, request.routeOptions.url ?? '', config.oidc)
    late.set(config, policy)
    return policy
  }

  return {
    base: first,
    compile (name, input) {
      const policy = compile(name, input)
      if (bases.size < 2) return () => policy
      const policies = new Map([...bases].map(([resource, base]) => [resource, compile(name, input, base)]))
      return request => pick(policies, request.routeOptions.url ?? '') ?? policy
    },
    declare (route) {
      const config = route.config as Config | undefined
      const policy = policyFor(String(route.method), route.url, config?.oidc)
      route.config = { ...config, [POLICY]: policy } as unknown as typeof route.config
      for (const method of [route.method].flat()) requirements.push(requirementOf(method, route.url, policy))
    },
    policyOf (request) {
      const config = request.routeOptions.config as unknown as Config | undefined
      if (config === undefined) return first
      const policy = config[POLICY] as CompiledPolicy | null | undefined
      if (policy !== undefined) return policy
      const known = late.get(config)
      return known === undefined ? compileLate(request, config) : known
    },
    list: () => requirements,
    declared ({ method, url, config }) {
      const policy = (config as Config | undefined)?.[POLICY] as CompiledPolicy | null | undefined
      return policy === undefined ? null : { policy, openedBy: [method].flat().flatMap(name => openedBy(name, url, policy)) }
    }
  }
}
