import type { JWK } from 'jose'
import type Provider from 'oidc-provider'
import { createConfiguration, type Origins } from './configuration.ts'
import { answerInteraction } from './interactions.ts'
import { openDoors, type Listener } from './listener.ts'
import { loadProvider } from './load-provider.ts'
import { confirmLogout, userinfoForJwt } from './middleware.ts'
import { enterIssuer, pathOfIssuer } from './mount.ts'
import { addPasswordGrant } from './password-grant.ts'
import { resolveOptions, type ProviderSettings, type TestProviderOptions } from './options.ts'

/** A running provider. */
export interface TestProvider {
  readonly issuer: string
  /** Where it listens: the issuer, unless `issuer` says otherwise. */
  readonly origin: string
  /** URL of the discovery document, for the option `discovery`. */
  readonly discovery: string
  /** Of the first client. */
  readonly clientId: string
  /** Of the first client; empty if it has none. */
  readonly clientSecret: string
  /** The node-oidc-provider instance. */
  readonly provider: Provider
  /** Every request so far, like `POST /token`. */
  readonly requests: readonly string[]
  /** What failed inside the provider: its own faults, and back-channel logouts that were not accepted. */
  readonly errors: readonly Error[]
  /** How many requests there were for a path, like `/token`, or a method and a path, like `POST /token`. */
  count (request: string): number
  /** Leaves the port, as in an outage. Sessions and tokens stay. */
  stop (): Promise<void>
  /** Comes back to the same port. */
  start (): Promise<void>
  close (): Promise<void>
}

function isLocal (uri: string): boolean {
  if (!URL.canParse(uri)) return false
  const { protocol, hostname } = new URL(uri)
  return /^https?:$/.test(protocol) && /^(127(\.\d+){3}|\[::1\]|localhost|.+\.(test|example|localhost))$/.test(hostname)
}

function allowLocalRedirects (provider: Provider, { login, logout }: ProviderSettings['anyLocalRedirect']): void {
  const { prototype } = provider.Client
  if (login) prototype.redirectUriAllowed = isLocal
  if (logout) prototype.postLogoutRedirectUriAllowed = isLocal
}

async function createProvider (settings: ProviderSettings, origins: Origins, errors: Error[]): Promise<Provider> {
  const { Provider, errors: errorClasses, interactionPolicy } = await loadProvider()
  const configuration = await createConfiguration(settings, origins, { errors: errorClasses, interactionPolicy })
  const { issuer } = origins
  const provider = new Provider(issuer, configuration)
  provider.proxy = settings.issuer !== null
  allowLocalRedirects(provider, settings.anyLocalRedirect)
  addPasswordGrant(provider, settings, errorClasses)
  provider.use(confirmLogout(`${origins.listener}${pathOfIssuer(issuer)}`))
  provider.use(userinfoForJwt(issuer, settings, (configuration.jwks?.keys ?? []) as JWK[]))
  provider.on('server_error', (_ctx, error) => { errors.push(error) })
  provider.on('backchannel.error', (_ctx, error) => { errors.push(error) })
  return provider
}

function serve (listener: Listener, provider: Provider, settings: ProviderSettings, errors: Error[]): void {
  const callback = provider.callback()
  listener.handle((request, response) => {
    if (settings.issuer !== null && !enterIssuer(request, settings.issuer)) { response.writeHead(404).end(); return }
    if (request.url?.startsWith('/interaction/') !== true) { callback(request, response).catch((error: Error) => { errors.push(error) }); return }
    answerInteraction({ request, response, provider, settings }).catch((error: Error) => {
      errors.push(error)
      response.destroy()
    })
  })
}

/**
 * Starts a real OpenID Provider (node-oidc-provider) on 127.0.0.1, with everything in memory: code flow, PAR, DPoP, JARM,
 * client credentials and passwords, refresh tokens that rotate and whose reuse ends the grant, introspection, revocation, RP-initiated and back-channel logout.
 * It believes everybody: never expose it.
 * @throws FST_OIDC_TESTING_OPTIONS when options contradict each other
 * @rejects EADDRINUSE when `port` is taken
 * @example
 * const provider = await createTestProvider({ autoLogin: 'alice' })
 * await app.register(oidc, { discovery: provider.discovery, client_id: provider.clientId, client_secret: provider.clientSecret, session: { secret } })
 */
export async function createTestProvider (options: TestProviderOptions = {}): Promise<TestProvider> {
  const settings = resolveOptions(options)
  const doors = await openDoors(settings.port, settings.mutualTls)
  const issuer = settings.issuer ?? doors.origin
  const errors: Error[] = []
  const provider = await createProvider(settings, { issuer, listener: doors.origin, mutualTlsOrigin: doors.mutualTlsOrigin }, errors).catch(async (error: unknown) => {
    await doors.stop()
    throw error
  })
  serve(doors, provider, settings, errors)
  const [client] = settings.clients
  return {
    issuer,
    origin: doors.origin,
    discovery: `${issuer}/.well-known/openid-configuration`,
    clientId: client?.client_id ?? '',
    clientSecret: client?.client_secret ?? '',
    provider,
    requests: doors.requests,
    errors,
    count: wanted => doors.requests.filter(request => wanted.includes(' ') ? request === wanted : request.endsWith(` ${wanted}`)).length,
    stop: doors.stop,
    start: doors.start,
    close: doors.stop
  }
}
