import { resourcesIn, type RoutePolicy } from 'fastify-oidc'
import { formatPath, type OptionProblem } from 'fastify-oidc-session-store'
import { callbackUnder, endpointUris, type Endpoints } from './endpoints.ts'
import { hostsOverlap } from './hosts.ts'
import type { Path } from './positions.ts'
import { problemAt } from './problems.ts'
import { PLUGIN, type GatewayRoute } from './routes.ts'
import { formatUri } from './uri.ts'

/** One core: routes of the same hosts whose provider settings agree. */
export interface GatewayCore {
  readonly hosts: readonly string[]
  /** What the core is registered with. */
  readonly options: Readonly<Record<string, unknown>>
  readonly routes: ReadonlyArray<{ readonly route: GatewayRoute, readonly policy: RoutePolicy }>
  /** null: one beside each route, or none where there are no logins. */
  readonly callbackPath: string | null
  /** null: there are no sessions to end. */
  readonly logoutPath: string | null
  /** null: they are another login's, or there are none. */
  readonly endpoints: Endpoints | null
  /** What some routes require and others do not, or not alike: the endpoints do not ask for it. */
  readonly unasked: readonly string[]
}

/** A path that somebody has on some hosts. */
interface Claim {
  readonly path: string
  readonly hosts: readonly string[]
  readonly owner: string
}

type Draft = Pick<GatewayCore, 'hosts' | 'options' | 'routes' | 'callbackPath' | 'endpoints' | 'unasked'>

const DEFAULT_CALLBACK = '/.apisix/redirect'
const DEFAULT_LOGOUT = '/logout'

/** The same text for the same settings, in whatever order they are written. */
export function canonical (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  return `{${Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}

/** With bearer tokens alone there is neither login nor logout, and no path for them. */
const hasSessions = ({ options }: Pick<GatewayCore, 'options'>): boolean => options.bearer_only !== true

function callbackPathOf (options: Readonly<Record<string, unknown>>): string | null {
  const { redirect_uri: redirectUri, security_profile: profile } = options
  if (!hasSessions({ options })) return null
  if (typeof redirectUri === 'string') return new URL(redirectUri, 'http://localhost').pathname
  return profile === 'apisix' ? null : DEFAULT_CALLBACK
}

/** A login whose answers come to the endpoints' callback, or that does not say where they come to, has the endpoints. */
function furnish (options: Readonly<Record<string, unknown>>, endpoints: Endpoints | null): Omit<Draft, 'hosts' | 'routes'> {
  const written = { options, callbackPath: callbackPathOf(options), endpoints: null, unasked: [] }
  if (endpoints === null || !hasSessions({ options })) return written
  const callbackPath = callbackUnder(endpoints)
  if (options.redirect_uri !== undefined && written.callbackPath !== callbackPath) return written
  const own = Array.isArray(options.whitelist_domains) ? options.whitelist_domains as readonly string[] : []
  const domains = [...new Set([...own, ...endpoints.whitelistDomains])]
  return { ...written, options: { ...options, redirect_uri: options.redirect_uri ?? callbackPath, ...domains.length === 0 ? {} : { whitelist_domains: domains } }, callbackPath, endpoints }
}

/** What all routes require alike holds where there is no route: nginx asks `auth` for them. Whom it sends to a login is each route's own. */
function requireAlike ({ options, routes, ...rest }: Draft): Draft {
  const policies = routes.map(({ policy }) => policy as Readonly<Record<string, unknown>>)
  const names = [...new Set(policies.flatMap(Object.keys))].filter(name => name !== 'unauth_action')
  const isAlike = (name: string): boolean => new Set(policies.map(policy => canonical(policy[name]))).size === 1
  const alike = names.filter(isAlike).map(name => [name, policies[0]?.[name]] as const)
  return { ...rest, routes, options: { ...options, ...Object.fromEntries(alike) }, unasked: names.filter(name => !isAlike(name)) }
}

/** Routes that can share a core, together. */
function groupRoutes (routes: readonly GatewayRoute[], endpoints: Endpoints | null): Draft[] {
  const drafts = new Map<string, Draft & { routes: Array<GatewayCore['routes'][number]> }>()
  for (const route of routes) {
    if (route.protection.kind === 'open') continue
    const { policy } = route.protection
    const furnished = furnish(route.protection.options, endpoints)
    const key = canonical([route.hosts, furnished.options])
    const draft = drafts.get(key) ?? { hosts: route.hosts, routes: [], ...furnished }
    draft.routes.push({ route, policy })
    drafts.set(key, draft)
  }
  return [...drafts.values()].map(draft => draft.endpoints === null ? draft : requireAlike(draft))
}

const placeOf = (draft: Draft): Path => [...draft.routes[0]?.route.place ?? [], 'plugins', PLUGIN]

const ownerOf = (draft: Draft): string => formatPath(draft.routes[0]?.route.place ?? [])

const overlap = (a: readonly string[], b: readonly string[]): boolean => a.some(one => b.some(other => hostsOverlap(one, other)))

function findOwner (claims: readonly Claim[], path: string, hosts: readonly string[]): string | null {
  return claims.find(claim => claim.path === path && overlap(claim.hosts, hosts))?.owner ?? null
}

/** Paths that cannot give way, by the option that names them. */
function fixedPaths ({ callbackPath, options }: Draft): ReadonlyArray<readonly [option: string, path: string]> {
  const written = ['backchannel_logout_path', 'frontchannel_logout_path'].flatMap(name => typeof options[name] === 'string' ? [[name, options[name]] as const] : [])
  const metadata = resourcesIn(options).map(({ metadataPath }) => ['resource_metadata', metadataPath] as const)
  return [...callbackPath === null ? [] : [['redirect_uri', callbackPath] as const], ...written, ...metadata]
}

/** A route of the login itself may have the path that its answers come to: it takes them in its place. */
function besideOwn (claims: readonly Claim[], { routes }: Draft, option: string): readonly Claim[] {
  if (option !== 'redirect_uri') return claims
  const own = new Set(routes.map(({ route }) => formatPath(route.place)))
  return claims.filter(({ owner }) => !own.has(owner))
}

function claimFixed (drafts: readonly Draft[], claims: Claim[]): OptionProblem[] {
  const problems: OptionProblem[] = []
  for (const draft of drafts) {
    for (const [option, path] of fixedPaths(draft)) {
      const owner = findOwner(besideOwn(claims, draft, option), path, draft.hosts)
      if (owner !== null) problems.push(problemAt([...placeOf(draft), option], `has a path that ${owner} has on the same host already: give it another${draft.endpoints === null || option !== 'redirect_uri' ? '' : ', and this login is without endpoints'}`))
      claims.push({ path, hosts: draft.hosts, owner: `the ${option} of ${ownerOf(draft)}` })
    }
  }
  return problems
}

/** Where two logins would have them on one host, their callbacks are told of already. */
function claimEndpoints (drafts: readonly Draft[], claims: Claim[]): OptionProblem[] {
  const before = [...claims]
  return drafts.flatMap(draft => draft.endpoints === null
    ? []
    : endpointUris(draft.endpoints).flatMap(path => {
      const owner = findOwner(before, path, draft.hosts)
      claims.push({ path, hosts: draft.hosts, owner: 'an endpoint' })
      return owner === null ? [] : [problemAt(['endpoints', 'prefix'], `puts an endpoint at ${path}, which is a path of ${owner}: choose another prefix`)]
    }))
}

/** Where logouts may go when `/logout` is somebody else's: below the routes that the core guards. */
function logoutCandidates (draft: Draft): string[] {
  const prefixes = draft.routes.flatMap(({ route }) => route.uris).filter(({ kind, path }) => kind === 'under' && path !== '/')
  return [DEFAULT_LOGOUT, ...prefixes.map(({ path }) => `${path.slice(0, -1)}${DEFAULT_LOGOUT}`)]
}

function claimLogout (draft: Draft, claims: Claim[]): { logoutPath: string, problems: OptionProblem[] } {
  const written = draft.options.logout_path
  const candidates = typeof written === 'string' ? [written] : logoutCandidates(draft)
  const free = candidates.find(path => findOwner(claims, path, draft.hosts) === null)
  const logoutPath = free ?? candidates[0] ?? DEFAULT_LOGOUT
  const owner = free === undefined ? findOwner(claims, logoutPath, draft.hosts) : null
  claims.push({ path: logoutPath, hosts: draft.hosts, owner: `the logout_path of ${ownerOf(draft)}` })
  return { logoutPath, problems: owner === null ? [] : [problemAt([...placeOf(draft), 'logout_path'], `is a path that ${owner} has on the same host already: give it another`)] }
}

/** Paths of routes: a core's own paths cannot be the same. */
function routeClaims (routes: readonly GatewayRoute[]): Claim[] {
  return routes.flatMap(route => route.uris.map(uri => ({ path: formatUri(uri), hosts: route.hosts, owner: formatPath(route.place) })))
}

/** One core for each group of routes, with callback and logout paths of its own. */
export function formCores (routes: readonly GatewayRoute[], reserved: readonly Claim[], endpoints: Endpoints | null): { readonly cores: readonly GatewayCore[], readonly problems: readonly OptionProblem[] } {
  const drafts = groupRoutes(routes, endpoints)
  const claims = [...reserved, ...routeClaims(routes)]
  const problems = [...claimFixed(drafts, claims), ...claimEndpoints(drafts, claims)]
  const logouts = new Map<Draft, string>()
  const isWritten = ({ options }: Draft): boolean => options.logout_path !== undefined
  // Those that were asked for come first: a default gives way.
  const ending = drafts.filter(hasSessions)
  for (const draft of [...ending.filter(isWritten), ...ending.filter(draft => !isWritten(draft))]) {
    const claimed = claimLogout(draft, claims)
    logouts.set(draft, claimed.logoutPath)
    problems.push(...claimed.problems)
  }
  const cores = drafts.map(draft => {
    const logoutPath = logouts.get(draft) ?? null
    return logoutPath === null ? { ...draft, logoutPath } : { ...draft, logoutPath, options: { ...draft.options, logout_path: logoutPath } }
  })
  return { cores, problems }
}
