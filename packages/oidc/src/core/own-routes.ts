import type { FastifyInstance, FastifyRequest, HTTPMethods, RouteOptions } from 'fastify'
import { PathTakenError } from '../errors.ts'
import { pathOf } from '../http/return-to.ts'
import type { ScopePaths } from '../http/scope-paths.ts'
import type { Core, CoreGround } from './core.ts'

const OPEN = { oidc: false } as const

/** The provider's answer brings a code: it does not belong into a log. */
const CALLBACK_LOG = {
  req: (request: FastifyRequest) => ({ method: request.method, url: pathOf(request), host: request.host, remoteAddress: request.ip })
}

/** An optional parameter can only stand last: such a route stands for two. */
function readRequired (path: string): string[] {
  return path.endsWith('?') ? [path.slice(0, -1), path.replace(/\/?:[^/]*$/, '')] : [path]
}

/** The suffix rule of the table: beside each guarded GET route stands its own callback. */
function addCallbackBeside (routes: FastifyInstance, route: Parameters<Core['policies']['declare']>[0], suffix: string, callback: Core['callback']): void {
  if (![route.method].flat().includes('GET') || route.config?.oidc === false || route.url.includes('*') || route.url.endsWith(suffix)) return
  const constraints = route.constraints === undefined ? {} : { constraints: route.constraints }
  for (const path of readRequired((route as { routePath?: string }).routePath ?? route.url)) {
    const url = path.replace(/\/$/, '') + suffix
    if (routes.hasRoute({ method: 'GET', url: routes.prefix + url, ...constraints })) continue
    routes.route({ method: 'GET', url, exposeHeadRoute: false, config: OPEN, logSerializers: CALLBACK_LOG, handler: callback, ...constraints })
  }
}

/** A form has a body, of a type that the application need not know: it is accepted, and nothing of it is read. */
async function addLogout (fastify: FastifyInstance, url: string, { handle }: Core['logout']): Promise<void> {
  await fastify.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => {
      payload.resume()
      done(null)
    })
    scope.route({ method: ['GET', 'POST'], url, exposeHeadRoute: false, config: OPEN, handler: handle })
  })
}

const MAX_LOGOUT_BYTES = 64 * 1024

/** Server to server: no cookie and no page. Whatever is sent is read as text, up to a bound, and judged there. */
async function addBackchannelLogout (fastify: FastifyInstance, url: string, { backchannelLogout }: Core): Promise<void> {
  await fastify.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string', bodyLimit: MAX_LOGOUT_BYTES }, (_request, body, done) => { done(null, body) })
    scope.addContentTypeParser('*', (_request, payload, done) => {
      payload.resume()
      done(null, null)
    })
    scope.route({ method: 'POST', url, config: OPEN, handler: backchannelLogout })
  })
}

async function addProviderLogouts (fastify: FastifyInstance, { backchannelLogout, frontchannelLogout }: ScopePaths, relative: (path: string) => string, core: Core): Promise<void> {
  if (backchannelLogout !== null) await addBackchannelLogout(fastify, relative(backchannelLogout), core)
  if (frontchannelLogout !== null) fastify.route({ method: 'GET', url: relative(frontchannelLogout), exposeHeadRoute: false, config: OPEN, logSerializers: CALLBACK_LOG, handler: core.frontchannelLogout })
}

interface OwnPath {
  readonly option: string
  readonly path: string | null
  readonly methods: readonly string[]
  readonly handler: unknown
}

function ownPathsOf (paths: ScopePaths, core: Core): OwnPath[] {
  return [
    { option: 'logout_path', path: paths.logout, methods: ['GET', 'POST'], handler: core.logout.handle },
    { option: 'backchannel_logout_path', path: paths.backchannelLogout, methods: ['POST'], handler: core.backchannelLogout },
    { option: 'frontchannel_logout_path', path: paths.frontchannelLogout, methods: ['GET'], handler: core.frontchannelLogout }
  ]
}

/** Fastify would speak of a duplicated route, and not of the option that made the other one. */
function checkIsFree (route: RouteOptions, own: readonly OwnPath[]): void {
  const methods = [route.method].flat()
  const taken = own.find(({ path, methods: ours, handler }) => path === route.url && handler !== route.handler && ours.some(method => methods.includes(method)))
  if (taken !== undefined && route.constraints === undefined) throw new PathTakenError(taken.option, route.url)
}

/** At the path of the callback a route may stand, and takes the answers in its place; for the others there is no such way. */
function checkWasFree (fastify: FastifyInstance, own: readonly OwnPath[]): void {
  for (const { option, path, methods } of own) {
    if (path !== null && methods.some(method => fastify.hasRoute({ method: method as HTTPMethods, url: path }))) throw new PathTakenError(option, path)
  }
}

/**
 * The routes that a core itself serves.
 * @throws FST_OIDC_PATH_TAKEN
 */
export async function addOwnRoutes (fastify: FastifyInstance, { paths, inPlace }: Pick<CoreGround, 'paths' | 'inPlace'>, core: Core): Promise<void> {
  const { policies, callback, logout } = core
  // The router reads a colon as the beginning of a parameter.
  const relative = (path: string): string => (path.slice(paths.prefix.length) || '/').replaceAll(':', '::')
  const own = ownPathsOf(paths, core)
  checkWasFree(fastify, own)
  fastify.addHook('onRoute', function (route) {
    policies.declare(route)
    checkIsFree(route, own)
    if (route.url === paths.callback && route.handler !== callback && [route.method].flat().includes('GET')) inPlace.stand(this, route)
    if (paths.callback === null) addCallbackBeside(this, route, paths.suffix, callback)
  })
  if (paths.callback !== null && !inPlace.stands) fastify.route({ method: 'GET', url: relative(paths.callback), exposeHeadRoute: false, config: OPEN, logSerializers: CALLBACK_LOG, handler: callback })
  await addLogout(fastify, relative(paths.logout), logout)
  await addProviderLogouts(fastify, paths, relative, core)
}
