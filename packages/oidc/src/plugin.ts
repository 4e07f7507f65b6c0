import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fastifyCookie from '@fastify/cookie'
import fp from 'fastify-plugin'
import { cookieStore } from 'fastify-oidc-cookie-store'
import { StoreConflictError, endMarkLife, optionsError, sharedProcessCoordinator, systemClock, type SessionStore } from 'fastify-oidc-session-store'
import './augment.ts'
import type { FastifyOidc } from './augment.ts'
import { clientKey, createCookieNames, defaultCookieName } from './cookie/cookie-names.ts'
import { cookieBudget, createCookieJar } from './cookie/jar.ts'
import { ownCookiesOf } from './cookie/own-cookies.ts'
import { createTransactions } from './cookie/transaction.ts'
import { AlreadyRegisteredError } from './errors.ts'
import { publish, type OidcEventName } from './events.ts'
import { createGuard, sessionOf } from './http/guard.ts'
import { createRefusal } from './http/refusal.ts'
import { originOf, returnToOf, sameOriginPath } from './http/return-to.ts'
import { createRoutePolicies, type RoutePolicies } from './http/route-policies.ts'
import { createScopePaths, type ScopePaths } from './http/scope-paths.ts'
import { createSessionViews } from './http/session-view.ts'
import { createLoginFinish } from './login/finish.ts'
import { applyHooks } from './login/hooks.ts'
import { endLogin } from './login/logout.ts'
import { issueSession } from './login/issue.ts'
import { startLogin } from './login/start.ts'
import { checkHooks, type OidcHooks } from './options/hooks.ts'
import type { OidcOptions } from './options/schema.ts'
import { checkOidcOptions, listWeakSettings, type OidcSettings } from './options/settings.ts'
import { defaultPolicy } from './policy.ts'
import { createProvider } from './provider/provider.ts'
import { remedy, rootCause } from './provider/provider-error.ts'
import { refreshTokens } from './provider/token-refresh.ts'
import { createCallback, isProviderAnswer } from './routes/callback.ts'
import { createLogoutRoute } from './routes/logout.ts'
import { createRenewal } from './session/renewal.ts'
import { createSessionEnds } from './session/session-ends.ts'
import { createSessions } from './session/sessions.ts'

/** The options of the plugin: the table, and hooks for code. */
export type OidcPluginOptions = OidcOptions & { readonly hooks?: OidcHooks<FastifyRequest> }

const NAME = 'fastify-oidc'

function readOptions (input: OidcPluginOptions): { settings: OidcSettings, hooks: OidcHooks<FastifyRequest> } {
  const { hooks, ...table } = input
  const { options, problems } = checkOidcOptions(table)
  const all = [...problems, ...checkHooks(hooks)]
  if (all.length > 0) throw optionsError(NAME, all)
  return { settings: options as OidcSettings, hooks: hooks ?? {} }
}

/** A store that the scope has already, or the one that the options ask for. */
async function takeStore (fastify: FastifyInstance, settings: OidcSettings, writesStorage: boolean): Promise<SessionStore> {
  if (fastify.hasDecorator('oidcSessionStore')) {
    if (writesStorage) throw new StoreConflictError()
    return fastify.oidcSessionStore
  }
  const { secret, secret_fallbacks: fallbacks, absolute_timeout: absolute } = settings.session
  await fastify.register(cookieStore, { session: { secret, secret_fallbacks: [...fallbacks], absolute_timeout: absolute }, binding: clientKey(settings) })
  return fastify.oidcSessionStore
}

function takeCookieName (fastify: FastifyInstance, settings: OidcSettings): string {
  const { owners } = ownCookiesOf(fastify.server)
  const name = defaultCookieName(settings, owners)
  owners.set(name, clientKey(settings))
  return name
}

function warnOfWeakness (fastify: FastifyInstance, settings: OidcSettings): void {
  const weak = listWeakSettings(settings)
  if (settings.security_profile === 'apisix' && weak.length > 0) {
    fastify.log.warn({ oidc: 'profile', weak }, `security_profile is apisix: ${weak.join(', ')} ${weak.length === 1 ? 'is' : 'are'} weaker than security_profile: oauth2.1 would have it`)
  }
}

function pathOf (request: FastifyRequest): string {
  const end = request.originalUrl.indexOf('?')
  return end < 0 ? request.originalUrl : request.originalUrl.slice(0, end)
}

/** @fastify/cookie serializes once it was registered somewhere: in a scope of its own, so that an application may register it too. */
async function loadCookieSerializer (fastify: FastifyInstance): Promise<void> {
  if (fastify.hasDecorator('serializeCookie')) return
  await fastify.register(async scope => { await scope.register(fastifyCookie, { hook: false }) })
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** Adds the routes of the scope, and answers which requests the guard itself must take for the provider's answers. */
function addRoutes (fastify: FastifyInstance, paths: ScopePaths, policies: RoutePolicies, callback: Handler, logout: Handler): (request: FastifyRequest) => boolean {
  const own = { oidc: false } as const
  const relative = (path: string): string => (path.slice(paths.prefix.length) || '/').replaceAll(':', '::')
  const { callback: callbackPath, suffix } = paths
  const inPlace = callbackPath !== null && fastify.hasRoute({ method: 'GET', url: callbackPath })
  fastify.addHook('onRoute', function (route) {
    policies.declare(route)
    const needsCallback = callbackPath === null && [route.method].flat().includes('GET') && route.config?.oidc !== false && !route.url.includes('*') && !route.url.endsWith(suffix)
    const url = `${route.routePath.replace(/\/$/, '')}${suffix}`
    if (needsCallback && !this.hasRoute({ method: 'GET', url: `${route.prefix}${url}` })) this.route({ method: 'GET', url, exposeHeadRoute: false, config: own, handler: callback, ...(route.constraints === undefined ? {} : { constraints: route.constraints }) })
  })
  if (callbackPath !== null && !inPlace) fastify.route({ method: 'GET', url: relative(callbackPath), exposeHeadRoute: false, config: own, handler: callback })
  fastify.route({ method: ['GET', 'POST'], url: relative(paths.logout), exposeHeadRoute: false, config: own, handler: logout })
  if (callbackPath === null) return request => request.originalUrl.includes(`${suffix}?`) && pathOf(request).endsWith(suffix) && isProviderAnswer(request)
  return inPlace ? request => pathOf(request) === callbackPath && isProviderAnswer(request) : () => false
}

const plugin: FastifyPluginAsync<OidcPluginOptions> = async (fastify, input) => {
  if (fastify.hasDecorator('oidc')) throw new AlreadyRegisteredError()
  const { settings, hooks } = readOptions(input)
  const clock = systemClock
  await loadCookieSerializer(fastify)
  const paths = createScopePaths(settings, fastify.prefix, input.logout_path !== undefined)
  const store = await takeStore(fastify, settings, input.session?.storage !== undefined)
  const coordinator = sharedProcessCoordinator()
  const provider = createProvider(settings, clock)
  const names = createCookieNames(settings, takeCookieName(fastify, settings))
  const budget = cookieBudget(fastify.server)
  const jar = createCookieJar(settings, names, budget)
  const transactions = createTransactions(settings, names, budget, clock)
  const { cookie, idling_timeout: idling, absolute_timeout: absolute } = settings.session
  const lifetimes = { lifetime: cookie.lifetime, idling: idling ?? null, absolute }
  const leeway = settings.access_token_expires_leeway
  const client = { discovery: settings.discovery, clientId: settings.client_id }
  const ends = createSessionEnds(coordinator, clock)
  const refuse = createRefusal({ clientId: settings.client_id, realm: settings.realm, issuer: () => provider.issuer })
  const tell = (name: OidcEventName, sessionId: string | null, code: string | null): void => { publish(name, { clientId: settings.client_id, issuer: provider.issuer, sessionId, code }) }
  const warn = (event: string, text: string) => (err: unknown): void => { fastify.log.warn({ oidc: event, err }, `${text}: ${rootCause(err).message} (${remedy(err)})`) }
  const codeOf = (error: unknown): string | null => (error as { code?: string }).code ?? null

  const renewal = createRenewal({
    store,
    coordinator,
    lifetimes,
    clock,
    leeway,
    timeout: settings.timeout,
    refresh: async (refreshToken, subject) => await refreshTokens(provider, settings, { refreshToken, subject }, clock),
    onRenewed: session => { tell('renewal', session.id, null) },
    onFailed (session, error) {
      tell('renewal.failed', session.id, codeOf(error))
      warn('renewal.failed', 'the access token was not renewed and lives on')(error)
    }
  })
  const sessions = createSessions({ store, renewal, ends, lifetimes, clock, leeway, renews: settings.renew_access_token_on_expiry, client })
  const policies = createRoutePolicies(defaultPolicy(settings), fastify.log)

  async function login (request: FastifyRequest, reply: FastifyReply, returnTo: string, attempt: number): Promise<FastifyReply> {
    const started = await startLogin(provider, settings, { returnTo, redirectUri: paths.redirectUriOf(request), attempt })
    transactions.begin(request, reply, started.state, { ...started, startedAt: clock() }, jar.size(request))
    return reply.header('cache-control', 'no-store').redirect(started.location, request.method === 'GET' || request.method === 'HEAD' ? 302 : 303)
  }

  const guard = createGuard({
    jar,
    sessions,
    renewal,
    clock,
    ownsAuthorization: settings.set_access_token_header && settings.access_token_in_authorization_header,
    viewOf: createSessionViews(settings),
    policyOf: policies.policyOf,
    authorize: hooks.authorize ?? null,
    isInPlaceCallback: request => isInPlaceCallback(request),
    callback: async (request, reply) => await callback(request, reply),
    login: async (request, reply) => await login(request, reply, returnToOf(request, originOf(request)), 0),
    refuse
  })
  const finish = createLoginFinish({
    provider,
    settings,
    store,
    lifetimes,
    clock,
    onLogin: async session => await applyHooks(hooks, session),
    onUserinfoFailed: warn('userinfo.failed', 'the login goes on without userinfo')
  })
  const callback = createCallback({
    jar,
    transactions,
    finish,
    store,
    clock,
    home: paths.home,
    originOf,
    peek: guard.peek,
    restart: async (request, reply, attempt) => await login(request, reply, paths.home, attempt),
    refuse,
    onFinished (request, stored) {
      tell('login', stored.session.id, null)
      request.log.info({ oidc: 'login', sessionId: stored.session.id }, 'logged in')
    },
    onFailed: error => { tell('login.failed', null, codeOf(error)) }
  })
  const logout = createLogoutRoute({
    jar,
    path: paths.logout,
    postLogoutRedirectUri: settings.post_logout_redirect_uri ?? null,
    confirmsForeign: settings.security_profile !== 'apisix',
    originOf,
    peek: guard.peek,
    end: async (stored, returnTo) => await endLogin({ provider, settings, store, onProviderFailed: warn('logout.provider', 'logged out here, and not at the provider') }, stored, returnTo),
    refuse,
    async onEnded (request, stored) {
      if (stored === null) return
      const { id, subject } = stored.session
      await coordinator.end({ id }, clock(), clock() + endMarkLife(absolute))
      tell('logout', id, null)
      request.log.info({ oidc: 'logout', sessionId: id }, 'logged out')
      await hooks.onLogout?.({ sessionId: id, subject })
    }
  })

  const decorator: FastifyOidc = {
    get issuer () { return provider.issuer },
    login: async (request, reply, { returnTo } = {}) => {
      const origin = originOf(request)
      return await login(request, reply, (returnTo === undefined ? null : sameOriginPath(returnTo, origin)) ?? returnToOf(request, origin), 0)
    },
    logout: logout.logout,
    guard (policy) {
      const compiled = policies.compile('fastify.oidc.guard', policy)
      return async (request, reply) => await guard.enforce(request, reply, compiled)
    },
    routes: policies.list,
    async revoke (target) {
      const issuer = 'id' in target ? '' : (await provider.client()).issuer
      const ended = 'id' in target ? target : 'sub' in target ? { issuer, subject: target.sub } : { issuer, providerSessionId: target.sid }
      const count = await store.revoke(ended, clock())
      await coordinator.end(ended, clock(), clock() + endMarkLife(absolute))
      tell('revocation', 'id' in target ? target.id : null, null)
      fastify.log.info({ oidc: 'revocation', count }, 'sessions revoked')
      return count
    },
    onSessionEnd (request, listener) {
      const stored = sessionOf(request)
      return stored === null ? () => {} : ends.watch(stored, listener)
    },
    async ready () {
      await Promise.all([provider.client(), store.ready()])
    },
    cookies: ownCookiesOf(fastify.server),
    issueCookie: async overrides => jar.encode((await issueSession({ store, settings, lifetimes, clock, issuer: provider.issuer }, overrides)).handle, false)
  }

  fastify.decorate('oidc', decorator)
  fastify.decorateRequest('oidc', null as never)
  const isInPlaceCallback = addRoutes(fastify, paths, policies, callback, logout.handle)
  fastify.addHook('onRequest', guard.handle)
  fastify.addHook('onReady', async () => {
    warnOfWeakness(fastify, settings)
    provider.keepTrying(error => { fastify.log.error({ oidc: 'discovery.failed', err: error }, `the provider cannot be reached: ${rootCause(error).message} (${remedy(error)})`) })
  })
  fastify.addHook('onClose', async () => {
    ends.close()
    await provider.close()
  })
}

/**
 * OpenID Connect for the routes of a scope.
 * @throws FST_OIDC_OPTIONS_INVALID, FST_OIDC_ALREADY_REGISTERED, FST_OIDC_STORE_CONFLICT, FST_OIDC_PATH_OUTSIDE_SCOPE
 */
export const oidc = fp(plugin, { name: NAME, fastify: '5.x' })
