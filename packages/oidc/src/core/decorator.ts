import type { RevocationTarget } from 'fastify-oidc-session-store'
import type { OwnCookies } from '../cookie/own-cookies.ts'
import { BearerOnlyError } from '../errors.ts'
import { sessionOf } from '../http/guard.ts'
import { isCrossSite } from '../http/navigation.ts'
import { originOf, returnToOf } from '../http/return-to.ts'
import { errorPageFor } from '../http/shown-error.ts'
import { issueSession } from '../login/issue.ts'
import { needsDiscovery } from '../options/bearer-options.ts'
import { isReservedParameter } from '../options/authorization-params.ts'
import type { Provider } from '../provider/provider.ts'
import type { Core, CoreGround } from './core.ts'
import type { FastifyOidc, RevokeTarget } from './fastify-oidc.ts'
import { createLocalSessions } from './local-sessions.ts'
import { createOpenApi } from './openapi.ts'

async function toRevocation (target: RevokeTarget, provider: Provider): Promise<RevocationTarget> {
  if ('id' in target) return target
  const issuer = target.issuer ?? (await provider.client()).issuer
  return 'sub' in target ? { issuer, subject: target.sub } : { issuer, providerSessionId: target.sid }
}

function createRevoke ({ provider, clock, log }: CoreGround, { revoke }: Core): FastifyOidc['revoke'] {
  return async target => {
    const count = await revoke(await toRevocation(target, provider), clock())
    log.info({ oidc: 'revocation', count }, 'sessions revoked')
    return count
  }
}

function refuseReserved (parameters: object): void {
  const name = Object.keys(parameters).find(isReservedParameter)
  if (name !== undefined) throw new TypeError(`${name} is set by the login itself`)
}

/** Where there are no sessions, nobody can be logged in or out. */
function refuseSessions (decorator: FastifyOidc): FastifyOidc {
  const refuse = async (): Promise<never> => { throw new BearerOnlyError() }
  return Object.defineProperties({ ...decorator, login: refuse, logout: refuse, endSession: refuse, revoke: refuse, issueCookie: refuse, establish: refuse, useLocalUsers () { throw new BearerOnlyError() } }, { issuer: { get: () => decorator.issuer } })
}

/** `fastify.oidc` over the rooms. */
export function createDecorator (ground: CoreGround, core: Core, cookies: OwnCookies): FastifyOidc {
  const decorator = createSessionDecorator(ground, core, cookies)
  return ground.settings.bearer_only ? refuseSessions(decorator) : decorator
}

function createSessionDecorator (ground: CoreGround, core: Core, cookies: OwnCookies): FastifyOidc {
  const { provider, store, coordinator, settings, clock, paths } = ground
  const checks = {
    provider: async () => { if (needsDiscovery(settings)) await provider.client() },
    sessions: async () => { await Promise.all([store.ready(), coordinator.ready()]) },
    consumers: ground.consumersReady
  }
  return {
    get issuer () { return provider.issuer },
    callbackPath: settings.bearer_only ? null : paths.callback,
    offerLogin: core.offerLogin,
    async login (request, reply, { returnTo, parameters = {} } = {}) {
      refuseReserved(parameters)
      const origin = originOf(request)
      // Not to what was asked for: where that starts a login, an address that is refused would start it again for ever.
      const path = returnTo === undefined ? returnToOf(request, origin) : core.targets.targetOf(returnTo, origin) ?? paths.home
      // Who asks for it in words of their own is not held to ours.
      const demand = 'acr_values' in parameters || 'max_age' in parameters ? null : core.policies.base.demand
      return await core.login(request, reply, { returnTo: path, restarts: 0, prompt: null, asked: parameters, demand })
    },
    logout: core.logout.logout,
    endSession: core.logout.endSession,
    hasSession: async request => await core.guard.peek(request) !== null,
    isCrossSite: request => isCrossSite(request, () => originOf(request)),
    returnTarget: (request, address) => core.targets.targetOf(address, originOf(request)),
    refuse: (request, reply, error) => core.refuse(request, reply, error, 'refused', { elsewhere: paths.home }),
    showErrors: core.errorPages.replace,
    errorPage: (request, error) => core.isForProgram(request) ? null : errorPageFor(request, error, core.errorPages.render),
    guard (policy, options) {
      const policyOf = core.policies.compile('fastify.oidc.guard', policy)
      return async (request, reply) => await core.guard.enforce(request, reply, policyOf(request), options)
    },
    isOpen: (request, asked) => core.openRequests !== null && core.openRequests.ruleFor(request, asked) !== null,
    routes: core.policies.list,
    memories: core.memories,
    openapi: createOpenApi(ground, core),
    explain: core.explain,
    revoke: createRevoke(ground, core),
    onSessionEnd (request, listener) {
      const stored = sessionOf(request)
      return stored === null ? () => {} : core.ends.watch(stored, listener)
    },
    async ready (part) {
      if (part !== undefined) return await checks[part]()
      for (const check of Object.values(checks)) await check()
    },
    cookies,
    ...createLocalSessions(ground, core, ground.localUsers),
    async issueCookie (overrides) {
      const { handle } = await issueSession({ store, settings, lifetimes: core.lifetimes, clock, issuer: provider.issuer }, overrides)
      return core.jar.encode(handle, false)
    }
  }
}
