import { Configuration, allowInsecureRequests, clockTolerance, customFetch, enableNonRepudiationChecks, type ClientAuth, type CryptoKeyPair, type CustomFetch, type DPoPOptions } from 'openid-client'
import type { Clock } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { clientCertificateOf } from '../options/tls-client-auth-options.ts'
import { assertionAudience, authOfCaller, chooseAuthMethod, choosePushMethod, createClientAuth, keepRedirectUri } from './client-auth.ts'
import { createDiscovery, type Discovery, type KeySet } from './discovery.ts'
import { createProviderHttp, type ProviderHttp } from './http.ts'
import { createProofs, readProofKeys } from './proofs.ts'

/** The provider as one client sees it. */
export interface ProviderClient {
  readonly configuration: Configuration
  /** For the revocation endpoint: who asks there may have to say so by an assertion for it alone. */
  readonly revocation: Configuration
  /** For the pushed authorization request endpoint. */
  readonly pushing: Configuration
  /** For the userinfo endpoint: an answer in a JWT is held against the provider's keys. */
  readonly userinfo: Configuration
  /** What calls prove possession of a key by, if they do (RFC 9449). */
  readonly proofs: DPoPOptions
  readonly issuer: string
  readonly keys: KeySet | null
  /** The same provider for another client, which has a secret. */
  clientOf (id: string, secret: string): Configuration
}

/** An OpenID Provider, reached when it is needed. */
export interface Provider {
  /** null until the metadata were read once. */
  readonly issuer: string | null
  readonly http: ProviderHttp
  /** @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID */
  client (): Promise<ProviderClient>
  keepTrying (onFailure: (error: unknown) => void): void
  close (): Promise<void>
}

interface Shared { readonly http: ProviderHttp, readonly discovery: Discovery, users: number }

/** Metadata and keys are fetched once per provider and way to reach it, not once per scope. */
const shared = new Map<string, Shared>()

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint'] as const

function endpointOverrides (settings: OidcSettings): Record<string, string> {
  const pushing = settings.par?.endpoint
  return {
    ...Object.fromEntries(ENDPOINTS.flatMap(name => settings[name] === undefined ? [] : [[name, settings[name] as string]])),
    ...(pushing === undefined ? {} : { pushed_authorization_request_endpoint: pushing })
  }
}

function acquire (settings: OidcSettings, clock: Clock): { entry: Shared, release: () => Promise<void> } {
  const overrides = endpointOverrides(settings)
  const validIssuers = settings.claim_validator?.issuer?.valid_issuers ?? []
  const key = JSON.stringify([settings.discovery, settings.timeout, settings.ssl_verify, settings.proxy_opts, settings.tls_client_auth, settings.jwk_expires_in, overrides, validIssuers])
  let entry = shared.get(key)
  if (entry === undefined) {
    const http = createProviderHttp({ timeout: settings.timeout, sslVerify: settings.ssl_verify, proxy: settings.proxy_opts, certificate: clientCertificateOf(settings.tls_client_auth) })
    entry = { http, users: 0, discovery: createDiscovery({ url: settings.discovery, http, validIssuers, overrides, usesMutualTls: settings.tls_client_auth !== undefined, keysMaxAge: settings.jwk_expires_in, clock }) }
    shared.set(key, entry)
  }
  entry.users += 1
  const held = entry
  return {
    entry: held,
    async release () {
      held.users -= 1
      if (held.users > 0) return
      shared.delete(key)
      held.discovery.close()
      await held.http.close()
    }
  }
}

/**
 * What the provider says of itself, as openid-client is to take it: it looks at the algorithm before we do, and `none`
 * is not for the provider to list; and under FAPI 2.0 who answers has to say so (section 5.3.3.2, RFC 9207).
 */
function describe (server: NonNullable<Discovery['current']>['server'], { accept_none_alg: acceptsUnsigned, security_profile: profile }: OidcSettings): typeof server {
  const named = profile === 'fapi2' ? { ...server, authorization_response_iss_parameter_supported: true } : server
  return acceptsUnsigned ? { ...named, id_token_signing_alg_values_supported: [...server.id_token_signing_alg_values_supported ?? ['RS256'], 'none'] } : named
}

/** RFC 9126, section 2.2: 201. Some say 200, and openid-client does not take that. */
async function acceptOk (answered: Promise<Response>): Promise<Response> {
  const answer = await answered
  return answer.status === 200 ? new Response(answer.body, { status: 201, headers: answer.headers }) : answer
}

function configure (settings: OidcSettings, { http }: Shared, { server, keys }: NonNullable<Discovery['current']>, proofKeys: CryptoKeyPair | null): ProviderClient {
  const method = chooseAuthMethod(settings, server)
  const authFor = (endpoint: string | undefined, by = method): ClientAuth => createClientAuth(settings, by, assertionAudience(settings, { endpoint, issuer: server.issuer }))
  const ownClient = { id: settings.client_id, secret: settings.client_secret }
  function configurationWith (auth: ClientAuth, fetch: CustomFetch = async (url, init) => await http.fetch(url, init), { id, secret } = ownClient): Configuration {
    const configuration = new Configuration(describe(server, settings), id, { [clockTolerance]: settings.iat_slack, ...(secret === undefined ? {} : { client_secret: secret }) }, auth)
    configuration[customFetch] = fetch
    configuration.timeout = 0 // ours is in `http`, and a second one would outlive each answer
    allowInsecureRequests(configuration)
    return configuration
  }
  const configuration = configurationWith(keepRedirectUri(authFor(server.token_endpoint), settings.redirect_uri))
  const userinfo = configurationWith(authFor(undefined))
  enableNonRepudiationChecks(userinfo)
  return {
    configuration,
    userinfo,
    revocation: configurationWith(authFor(server.revocation_endpoint)),
    pushing: configurationWith(authFor(server.pushed_authorization_request_endpoint, choosePushMethod(settings, method)), async (url, init) => await acceptOk(http.fetch(url, init))),
    proofs: createProofs(configuration, proofKeys),
    issuer: server.issuer,
    keys,
    clientOf: (id, secret) => configurationWith(authOfCaller(settings, server, secret), undefined, { id, secret })
  }
}

export function createProvider (settings: OidcSettings, clock: Clock): Provider {
  const { entry, release } = acquire(settings, clock)
  const proofKeys = readProofKeys(settings.dpop)
  // Told to who asks for the client.
  proofKeys.catch(() => {})
  let configured: { from: object, client: ProviderClient } | null = null
  return {
    get issuer () { return entry.discovery.current?.server.issuer ?? null },
    http: entry.http,
    async client () {
      const metadata = await entry.discovery.get()
      if (configured?.from === metadata) return configured.client
      const keys = await proofKeys
      if (configured?.from !== metadata) configured = { from: metadata, client: configure(settings, entry, metadata, keys) }
      return configured.client
    },
    keepTrying: onFailure => { entry.discovery.keepTrying(onFailure) },
    close: release
  }
}
