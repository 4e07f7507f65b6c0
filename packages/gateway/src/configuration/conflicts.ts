import { resourcesIn } from 'fastify-oidc'
import { formatPath, type OptionProblem } from 'fastify-oidc-session-store'
import { problemAt } from './problems.ts'
import type { GatewayCore } from './cores.ts'
import { callbackUnder, endpointUris, type Endpoints } from './endpoints.ts'
import { METHODS } from './methods.ts'
import type { GatewayRoute } from './routes.ts'
import { formatUri } from './uri.ts'

/** The router keeps the candidates for one path in the bits of one number. */
const MAX_ROUTES_PER_PATH = 31

/** Where crawlers look, and the gateway answers unless a route does. */
export const ROBOTS_PATH = '/robots.txt'

const methodsOf = (route: GatewayRoute): readonly string[] => route.methods ?? METHODS

const intersect = (a: readonly string[], b: readonly string[]): boolean => a.some(one => b.includes(one))

function collide (a: GatewayRoute, b: GatewayRoute): boolean {
  return a.priority === b.priority &&
    intersect(a.uris.map(formatUri), b.uris.map(formatUri)) &&
    intersect(a.hosts, b.hosts) &&
    intersect(methodsOf(a), methodsOf(b))
}

function findDoubles (routes: readonly GatewayRoute[]): OptionProblem[] {
  return routes.flatMap((route, index) => {
    const earlier = routes.slice(0, index).find(other => collide(other, route))
    return earlier === undefined ? [] : [problemAt(route.place, `is for the same path, host and method as ${formatPath(earlier.place)}: give one of them a higher priority`)]
  })
}

function findReserved (routes: readonly GatewayRoute[], paths: ReadonlyMap<string, string>): OptionProblem[] {
  return routes.flatMap(route => route.uris.flatMap(({ kind, path }) => {
    const owner = kind === 'exact' ? paths.get(path) : undefined
    return owner === undefined ? [] : [problemAt(route.place, `is for the path of ${owner}`)]
  }))
}

function findCrowded (routes: readonly GatewayRoute[], cores: readonly GatewayCore[]): OptionProblem[] {
  const counts = new Map<string, number>()
  const problems: OptionProblem[] = []
  const count = (key: string, place: readonly string[]): void => {
    const next = (counts.get(key) ?? 0) + 1
    counts.set(key, next)
    if (next === MAX_ROUTES_PER_PATH + 1) problems.push(problemAt(place, `is one too many: at most ${MAX_ROUTES_PER_PATH} routes, and cores, can share a path`))
  }
  for (const method of ['GET', 'HEAD']) count(`${method} ${ROBOTS_PATH}`, [])
  for (const route of routes) {
    for (const uri of route.uris) for (const method of methodsOf(route)) count(`${method} ${formatUri(uri)}`, route.place)
  }
  for (const core of cores) {
    const endpoints = core.endpoints === null ? [] : endpointUris(core.endpoints)
    const metadata = resourcesIn(core.options).map(({ metadataPath }) => metadataPath)
    for (const path of [core.callbackPath, core.logoutPath, ...endpoints, ...metadata]) if (path !== null) count(`GET ${path}`, core.routes[0]?.route.place ?? ['routes'])
  }
  return problems
}

/** Endpoints that no login has would be accepted and do nothing. */
export function findHomeless (cores: readonly GatewayCore[], endpoints: Endpoints | null): OptionProblem[] {
  if (endpoints === null || cores.some(core => core.endpoints !== null)) return []
  const other = cores.find(({ logoutPath }) => logoutPath !== null)
  const message = other === undefined
    ? 'needs a route with openid-connect that people log in to'
    : `needs a login whose redirect_uri has the path ${callbackUnder(endpoints)}: give it to that of ${formatPath(other.routes[0]?.route.place ?? [])}, or leave it out there`
  return [problemAt(['endpoints'], message)]
}

/** Routes that cannot stand beside each other. `reserved`: paths of the gateway's own, and whose they are. */
export function findConflicts (routes: readonly GatewayRoute[], cores: readonly GatewayCore[], reserved: ReadonlyMap<string, string>): OptionProblem[] {
  return [...findDoubles(routes), ...findReserved(routes, reserved), ...findCrowded(routes, cores)]
}
