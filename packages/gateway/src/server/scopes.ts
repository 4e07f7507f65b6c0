import type { FastifyInstance } from 'fastify'
import oidc, { type FastifyOidc, type OidcOptions, type OwnCookies, type RoutePolicy } from 'fastify-oidc'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { formatPath } from 'fastify-oidc-session-store'
import type { GatewayCore } from '../configuration/cores.ts'
import { PLUGIN, type GatewayRoute } from '../configuration/routes.ts'
import type { Upstream } from '../configuration/upstream.ts'
import { formatUri } from '../configuration/uri.ts'
import { answerWith, createHeaderSource, stripAdded } from './added-headers.ts'
import { createBalancer } from './balancer.ts'
import { mountEndpoints } from './endpoints.ts'
import type { CoreHealth } from './health.ts'
import { mountFolder } from './folder-route.ts'
import { hostConstraint } from './host-constraint.ts'
import { openScope } from './open-scope.ts'
import { markRoutes } from './route-place.ts'
import { mountStatus } from './status-route.ts'

/** A core that stands, as the rest of the server needs it. */
export interface MountedCore extends CoreHealth {
  readonly oidc: FastifyOidc
  readonly hosts: readonly string[]
  readonly hasEndpoints: boolean
}

function defined<T extends object> (options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T
}

type ProxiedUpstream = Extract<Upstream, { readonly kind: 'servers' | 'socket' }>

function addressOf (upstream: ProxiedUpstream): Partial<ProxyOptions> {
  if (upstream.kind === 'socket') return { upstream: 'http://localhost', unix_socket: upstream.path }
  const [only, ...more] = upstream.nodes
  return only !== undefined && more.length === 0 ? { upstream: only.origin } : { get_upstream: createBalancer(upstream.nodes) }
}

function upstreamOptions (upstream: ProxiedUpstream): Partial<ProxyOptions> {
  const { options } = upstream
  const { connect, read } = options.timeout
  return {
    ...addressOf(upstream),
    pass_host: options.pass_host,
    upstream_host: options.upstream_host,
    connect_timeout: connect,
    headers_timeout: read,
    body_timeout: read,
    ssl_verify: options.tls?.verify,
    ca: options.tls?.ca,
    client_cert: options.tls?.client_cert,
    client_key: options.tls?.client_key,
    server_name: options.tls?.server_name
  }
}

/** Routes stand below the part of their path that is rewritten. */
function placeOf ({ uris, rewrite }: GatewayRoute): Partial<ProxyOptions> {
  if (rewrite === null) return { routes: uris.map(formatUri) }
  const prefix = rewrite.from === '/' ? '' : rewrite.from
  return { routes: uris.map(uri => formatUri(uri).slice(prefix.length) || '/'), rewrite_prefix: rewrite.to, ...prefix === '' ? {} : { prefix } }
}

function proxyOptions (route: GatewayRoute, upstream: ProxiedUpstream, policy: RoutePolicy | false): ProxyOptions {
  return defined<ProxyOptions>({
    ...upstreamOptions(upstream),
    ...placeOf(route),
    methods: route.methods === null ? undefined : [...route.methods],
    websocket: route.methods === null || route.methods.includes('GET'),
    constraints: { host: hostConstraint(route.hosts, route.priority) },
    add_headers: route.headers.request.length === 0 ? undefined : createHeaderSource(route.headers.request),
    oidc: policy
  })
}

async function mountRoute (parent: FastifyInstance, route: GatewayRoute, policy: RoutePolicy | false): Promise<void> {
  await parent.register(async scope => {
    markRoutes(scope, formatPath(route.place))
    const { upstream, headers } = route
    if (headers.request.length > 0) stripAdded(scope, headers.request)
    if (headers.response.length > 0) answerWith(scope, headers.response)
    switch (upstream.kind) {
      case 'status': return mountStatus(scope, route, upstream.status, policy)
      case 'folder': return await mountFolder(scope, route, upstream.path, policy)
      default: await scope.register(proxy, proxyOptions(route, upstream, policy))
    }
  })
}

/** By place: health answers are public, and settings may come from secrets. */
const nameOf = ({ routes }: GatewayCore): string => formatPath(routes[0]?.route.place ?? [])

/** A route that has the path of the callback itself goes before ours, and takes the provider's answers in its place. */
function ownPriorityOf ({ callbackPath, routes }: GatewayCore): (path: string) => number {
  const isTaken = routes.some(({ route }) => route.uris.some(({ kind, path }) => kind === 'exact' && path === callbackPath))
  return path => isTaken && path === callbackPath ? Number.MIN_SAFE_INTEGER : 0
}

/** One core in a scope of its own, with its routes. */
export async function mountCore (app: FastifyInstance, core: GatewayCore): Promise<MountedCore> {
  let mounted: MountedCore | null = null
  const priorityOf = ownPriorityOf(core)
  await app.register(async scope => {
    // The core's own routes, callback and logout, are for the hosts of its routes.
    scope.addHook('onRoute', route => {
      if (route.constraints?.host === undefined) route.constraints = { ...route.constraints, host: hostConstraint(core.hosts, priorityOf(route.url)) }
    })
    markRoutes(scope, `${nameOf(core)}.plugins.${PLUGIN}`)
    await scope.register(oidc, core.options as OidcOptions)
    if (core.endpoints !== null) await mountEndpoints(scope, core.endpoints.options, core)
    for (const { route, policy } of core.routes) await mountRoute(scope, route, policy)
    mounted = {
      name: nameOf(core),
      oidc: scope.oidc,
      hosts: core.hosts,
      hasEndpoints: core.endpoints !== null,
      reached: async () => { await scope.oidc.ready('provider') },
      storeReady: async () => { await scope.oidc.ready('sessions') },
      consumersReady: async () => { await scope.oidc.ready('consumers') },
      memories: scope.oidc.memories
    }
  })
  if (mounted === null) throw new TypeError('the scope of a core was not entered')
  return mounted
}

/** The routes that are open to everyone. */
export async function mountOpenRoutes (app: FastifyInstance, routes: readonly GatewayRoute[], cookies: OwnCookies | null): Promise<void> {
  if (routes.length === 0) return
  await app.register(async scope => {
    openScope(scope, cookies)
    for (const route of routes) await mountRoute(scope, route, false)
  })
}
