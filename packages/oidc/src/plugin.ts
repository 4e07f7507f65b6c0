import fastifyCookie from '@fastify/cookie'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { optionsError, systemClock } from 'fastify-oidc-session-store'
import { createCookieNames, defaultCookieName, sessionKey, type CookieNames } from './cookie/cookie-names.ts'
import { cookieBudget } from './cookie/jar.ts'
import { ownCookiesOf } from './cookie/own-cookies.ts'
import { openConsumers } from './core/consumer-directory.ts'
import { createCore } from './core/core.ts'
import { createDecorator } from './core/decorator.ts'
import { createInPlace } from './core/in-place.ts'
import { addOwnRoutes } from './core/own-routes.ts'
import { addResourceRoutes } from './core/resource-routes.ts'
import { takeSessionBackend } from './core/session-backend.ts'
import { AlreadyRegisteredError } from './errors.ts'
import { createScopePaths } from './http/scope-paths.ts'
import { needsDiscovery } from './options/bearer-options.ts'
import { checkHooks, type OidcHooks } from './options/hooks.ts'
import { keepEmails } from './options/email-file.ts'
import type { OidcOptions } from './options/schema.ts'
import { listWideOpenings } from './options/opening-options.ts'
import { listWeakSettings } from './options/profile.ts'
import { readOidcOptions, settle, type OidcSettings } from './options/settings.ts'
import { describeExpiry } from './options/tls-client-auth-options.ts'
import type { EmailFile } from './policy/email-file.ts'
import { createProvider } from './provider/provider.ts'

/** The options of the plugin: the table, and hooks for code. */
export type OidcPluginOptions = OidcOptions & { readonly hooks?: OidcHooks<FastifyRequest> }

const NAME = 'fastify-oidc'

async function readOptions (input: OidcPluginOptions): Promise<{ settings: OidcSettings, hooks: OidcHooks<FastifyRequest> }> {
  const { hooks, ...table } = input
  const wrongHooks = checkHooks(hooks)
  const { options, problems } = await readOidcOptions(table, { resolveSecret: wrongHooks.length > 0 ? null : hooks?.resolveSecret ?? null }, { resolvesConsumers: hooks?.resolveConsumer !== undefined })
  const all = [...problems, ...wrongHooks]
  if (all.length > 0) throw optionsError(NAME, all)
  return { settings: settle(options), hooks: hooks ?? {} }
}

function takeCookieNames (fastify: FastifyInstance, settings: OidcSettings): CookieNames {
  const { owners } = ownCookiesOf(fastify.server)
  const name = defaultCookieName(settings, owners)
  if (settings.bearer_only) return createCookieNames(settings, name)
  owners.set(name, sessionKey(settings))
  return createCookieNames(settings, name)
}

/** @fastify/cookie serializes once it was registered somewhere: in a scope of its own, so that an application may register it too. */
async function loadCookieSerializer (fastify: FastifyInstance): Promise<void> {
  if (fastify.hasDecorator('serializeCookie')) return
  await fastify.register(async scope => { await scope.register(fastifyCookie, { hook: false }) })
}

/** It is watched until the server closes. */
async function takeEmailFile (fastify: FastifyInstance, { allowed_emails_file: path }: OidcSettings): Promise<EmailFile | null> {
  if (path === undefined) return null
  const kept = await keepEmails(path, fastify.log)
  fastify.addHook('onClose', async () => { kept.close() })
  return kept
}

function warnOfWeakness ({ log }: FastifyInstance, settings: OidcSettings): void {
  const weak = listWeakSettings(settings)
  if (weak.length === 0) return
  const names = `${weak.join(', ')} ${weak.length === 1 ? 'is' : 'are'}`
  if (settings.security_profile === 'apisix') log.warn({ oidc: 'profile', weak }, `security_profile is apisix: ${names} weaker than security_profile: oauth2.1 would have it`)
  else log.warn({ oidc: 'profile', weak }, `security_profile is ${settings.security_profile}, but ${names} weaker than that, as it is written`)
}

function warnOfIdleOptions ({ log }: FastifyInstance, { bearer_only: bearerOnly, unauth_action: action, consumer, session }: OidcSettings, writesRedis: boolean): void {
  if (bearerOnly && action !== 'auth') log.warn({ oidc: 'options' }, `unauth_action: ${action} has no effect with bearer_only: a request without a token gets 401`)
  if (writesRedis && session.storage !== 'redis' && session.coordination !== 'redis' && consumer?.redis === undefined) log.warn({ oidc: 'options' }, 'session.redis has no effect: neither session.storage nor session.coordination is redis')
}

function warnOfOpenings ({ log }: FastifyInstance, settings: OidcSettings): void {
  for (const sentence of listWideOpenings(settings)) log.warn({ oidc: 'opened' }, sentence)
}

function warnOfCertificate ({ log }: FastifyInstance, settings: OidcSettings): void {
  const expiry = describeExpiry(settings, systemClock() * 1000)
  if (expiry !== null) log.warn({ oidc: 'certificate' }, `tls_client_auth.certificate ${expiry}: the provider will not accept it; put a new one there`)
}

const plugin: FastifyPluginAsync<OidcPluginOptions> = async (fastify, input) => {
  if (fastify.hasDecorator('oidc')) throw new AlreadyRegisteredError()
  const { settings, hooks } = await readOptions(input)
  await loadCookieSerializer(fastify)
  const paths = createScopePaths(settings, fastify.prefix, input.logout_path !== undefined)
  const provider = createProvider(settings, systemClock)
  const directory = await openConsumers(settings, hooks, fastify.log)
  if (directory !== null) fastify.addHook('onClose', async () => { await directory.close() })
  const ground = {
    settings,
    hooks,
    provider,
    ...await takeSessionBackend(fastify, settings, input.session?.storage !== undefined),
    paths,
    names: takeCookieNames(fastify, settings),
    budget: cookieBudget(fastify.server),
    log: fastify.log,
    localUsers: { users: null },
    emailFile: await takeEmailFile(fastify, settings),
    consumers: directory?.consumers ?? null,
    consumersReady: async () => { await directory?.ready() },
    clock: systemClock,
    inPlace: createInPlace(fastify, paths, settings)
  }
  const core = createCore(ground)

  fastify.decorate('oidc', createDecorator(ground, core, ownCookiesOf(fastify.server)))
  fastify.decorateRequest('oidc', null as never)
  if (settings.bearer_only) fastify.addHook('onRoute', core.policies.declare)
  else await addOwnRoutes(fastify, ground, core)
  addResourceRoutes(fastify, ground, core)
  fastify.addHook('onRequest', core.guard.handle)
  fastify.addHook('onSend', core.privateAnswers.seal)
  fastify.addHook('onReady', async () => {
    warnOfWeakness(fastify, settings)
    warnOfIdleOptions(fastify, settings, input.session?.redis !== undefined)
    warnOfOpenings(fastify, settings)
    warnOfCertificate(fastify, settings)
    if (needsDiscovery(settings)) provider.keepTrying(core.observer.providerUnreachable)
  })
  fastify.addHook('onClose', async () => {
    core.ends.close()
    await provider.close()
  })
}

/**
 * OpenID Connect for the routes of a scope.
 * @throws FST_OIDC_OPTIONS_INVALID, FST_OIDC_CONSUMER_FILE_INVALID, FST_OIDC_ALREADY_REGISTERED, FST_OIDC_STORE_CONFLICT, FST_OIDC_HANDLES_KEPT, FST_OIDC_PATH_OUTSIDE_SCOPE, FST_OIDC_PATH_TAKEN
 */
export const oidc = fp(plugin, { name: NAME, fastify: '5.x' })
