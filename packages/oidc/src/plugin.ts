import fastifyCookie from '@fastify/cookie'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { cookieStore } from 'fastify-oidc-cookie-store'
import { StoreConflictError, createMemoryStore, optionsError, sharedProcessCoordinator, systemClock, type SessionStore } from 'fastify-oidc-session-store'
import { clientKey, createCookieNames, defaultCookieName, type CookieNames } from './cookie/cookie-names.ts'
import { cookieBudget } from './cookie/jar.ts'
import { ownCookiesOf } from './cookie/own-cookies.ts'
import { createCore, type Core } from './core/core.ts'
import { createDecorator } from './core/decorator.ts'
import { AlreadyRegisteredError, HandlesKeptError } from './errors.ts'
import { createScopePaths, type ScopePaths } from './http/scope-paths.ts'
import { needsDiscovery } from './options/bearer-options.ts'
import { checkHooks, type OidcHooks } from './options/hooks.ts'
import type { OidcOptions } from './options/schema.ts'
import { checkOidcOptions, listWeakSettings, settle, type OidcSettings } from './options/settings.ts'
import { createProvider } from './provider/provider.ts'
import { isProviderAnswer } from './routes/callback.ts'

/** The options of the plugin: the table, and hooks for code. */
export type OidcPluginOptions = OidcOptions & { readonly hooks?: OidcHooks<FastifyRequest> }

const NAME = 'fastify-oidc'

function readOptions (input: OidcPluginOptions): { settings: OidcSettings, hooks: OidcHooks<FastifyRequest> } {
  const { hooks, ...table } = input
  const { options, problems } = checkOidcOptions(table)
  const all = [...problems, ...checkHooks(hooks)]
  if (all.length > 0) throw optionsError(NAME, all)
  return { settings: settle(options), hooks: hooks ?? {} }
}

/** A store that the scope has already, or the one that the options ask for. */
async function takeStore (fastify: FastifyInstance, settings: OidcSettings, writesStorage: boolean): Promise<SessionStore> {
  if (fastify.hasDecorator('oidcSessionStore')) {
    if (writesStorage) throw new StoreConflictError()
    if ((settings.session.rolling_timeout ?? 0) > 0 && fastify.oidcSessionStore.name !== 'cookie') throw new HandlesKeptError()
    return fastify.oidcSessionStore
  }
  if (settings.bearer_only) {
    // Whoever looks for a store finds one in which nobody is.
    fastify.decorate('oidcSessionStore', createMemoryStore({ maxSessions: 1 }))
    return fastify.oidcSessionStore
  }
  const { secret, secret_fallbacks: fallbacks, absolute_timeout: absolute } = settings.session
  await fastify.register(cookieStore, { session: { secret, secret_fallbacks: [...fallbacks], absolute_timeout: absolute }, binding: clientKey(settings) })
  return fastify.oidcSessionStore
}

function takeCookieNames (fastify: FastifyInstance, settings: OidcSettings): CookieNames {
  const { owners } = ownCookiesOf(fastify.server)
  const name = defaultCookieName(settings, owners)
  if (settings.bearer_only) return createCookieNames(settings, name)
  owners.set(name, clientKey(settings))
  return createCookieNames(settings, name)
}

/** @fastify/cookie serializes once it was registered somewhere: in a scope of its own, so that an application may register it too. */
async function loadCookieSerializer (fastify: FastifyInstance): Promise<void> {
  if (fastify.hasDecorator('serializeCookie')) return
  await fastify.register(async scope => { await scope.register(fastifyCookie, { hook: false }) })
}

function warnOfWeakness ({ log }: FastifyInstance, settings: OidcSettings): void {
  const weak = listWeakSettings(settings)
  if (settings.security_profile !== 'apisix' || weak.length === 0) return
  log.warn({ oidc: 'profile', weak }, `security_profile is apisix: ${weak.join(', ')} ${weak.length === 1 ? 'is' : 'are'} weaker than security_profile: oauth2.1 would have it`)
}

function warnOfIdleOptions ({ log }: FastifyInstance, { bearer_only: bearerOnly, unauth_action: action }: OidcSettings): void {
  if (bearerOnly && action !== 'auth') log.warn({ oidc: 'options' }, `unauth_action: ${action} has no effect with bearer_only: a request without a token gets 401`)
}

function pathOf (request: FastifyRequest): string {
  const end = request.originalUrl.indexOf('?')
  return end < 0 ? request.originalUrl : request.originalUrl.slice(0, end)
}

/** Which requests the guard itself takes for the provider's answers: those on a path that cannot be, or was already, a route. */
function recognizeInPlace (fastify: FastifyInstance, { callback, suffix }: ScopePaths, settings: OidcSettings): (request: FastifyRequest) => boolean {
  if (settings.bearer_only) return () => false
  if (callback === null) return request => request.originalUrl.includes(`${suffix}?`) && pathOf(request).endsWith(suffix) && isProviderAnswer(request)
  return fastify.hasRoute({ method: 'GET', url: callback })
    ? request => pathOf(request) === callback && isProviderAnswer(request)
    : () => false
}

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

async function addRoutes (fastify: FastifyInstance, paths: ScopePaths, { policies, callback, logout }: Core): Promise<void> {
  // The router reads a colon as the beginning of a parameter.
  const relative = (path: string): string => (path.slice(paths.prefix.length) || '/').replaceAll(':', '::')
  const standsAlready = paths.callback !== null && fastify.hasRoute({ method: 'GET', url: paths.callback })
  fastify.addHook('onRoute', function (route) {
    policies.declare(route)
    if (paths.callback === null) addCallbackBeside(this, route, paths.suffix, callback)
  })
  if (paths.callback !== null && !standsAlready) fastify.route({ method: 'GET', url: relative(paths.callback), exposeHeadRoute: false, config: OPEN, logSerializers: CALLBACK_LOG, handler: callback })
  await addLogout(fastify, relative(paths.logout), logout)
}

const plugin: FastifyPluginAsync<OidcPluginOptions> = async (fastify, input) => {
  if (fastify.hasDecorator('oidc')) throw new AlreadyRegisteredError()
  const { settings, hooks } = readOptions(input)
  await loadCookieSerializer(fastify)
  const paths = createScopePaths(settings, fastify.prefix, input.logout_path !== undefined)
  const provider = createProvider(settings, systemClock)
  const ground = {
    settings,
    hooks,
    provider,
    store: await takeStore(fastify, settings, input.session?.storage !== undefined),
    coordinator: sharedProcessCoordinator(),
    paths,
    names: takeCookieNames(fastify, settings),
    budget: cookieBudget(fastify.server),
    log: fastify.log,
    clock: systemClock,
    isInPlaceCallback: recognizeInPlace(fastify, paths, settings)
  }
  const core = createCore(ground)

  fastify.decorate('oidc', createDecorator(ground, core, ownCookiesOf(fastify.server)))
  fastify.decorateRequest('oidc', null as never)
  if (settings.bearer_only) fastify.addHook('onRoute', core.policies.declare)
  else await addRoutes(fastify, paths, core)
  fastify.addHook('onRequest', core.guard.handle)
  fastify.addHook('onSend', core.privateAnswers.seal)
  fastify.addHook('onReady', async () => {
    warnOfWeakness(fastify, settings)
    warnOfIdleOptions(fastify, settings)
    if (needsDiscovery(settings)) provider.keepTrying(core.observer.providerUnreachable)
  })
  fastify.addHook('onClose', async () => {
    core.ends.close()
    await provider.close()
  })
}

/**
 * OpenID Connect for the routes of a scope.
 * @throws FST_OIDC_OPTIONS_INVALID, FST_OIDC_ALREADY_REGISTERED, FST_OIDC_STORE_CONFLICT, FST_OIDC_HANDLES_KEPT, FST_OIDC_PATH_OUTSIDE_SCOPE
 */
export const oidc = fp(plugin, { name: NAME, fastify: '5.x' })
