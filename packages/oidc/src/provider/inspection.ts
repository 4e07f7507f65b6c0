import { systemClock, type Clock } from 'fastify-oidc-session-store'
import { needsDiscovery } from '../options/bearer-options.ts'
import type { ResolvedOptions } from '../options/schema.ts'
import { settle, type OidcSettings } from '../options/settings.ts'
import { attempt, failed, type Attempt } from './attempt.ts'
import { chooseAuthMethod } from './client-auth.ts'
import { isIssuerTrusted, issuerAskedFor } from './discovery.ts'
import { readDiscoveryAnswer, type DiscoveryAnswer } from './discovery-answer.ts'
import { createProvider, type Provider } from './provider.ts'
import { readProviderKeys, type ProviderKeys } from './provider-keys.ts'
import { tryAuthorization, tryCredentials, type AuthorizationTrial, type CredentialTrial } from './trial.ts'

/** What a provider says, and does, when it is asked as one client would ask. */
export interface ProviderInspection {
  readonly discovery: Attempt<DiscoveryAnswer>
  /** Whether it is who was asked (OpenID Connect Discovery 1.0, section 4.3): its issuer. null: it could not be read. */
  readonly issuer: Attempt<string> | null
  /** The document with the endpoints of the options laid over it, as logins use it. null: not to be had. */
  readonly metadata: Attempt<UsedMetadata> | null
  /** null: not asked for. */
  readonly keys: Attempt<ProviderKeys> | null
  readonly authorization: Attempt<AuthorizationTrial> | null
  readonly credentials: Attempt<CredentialTrial> | null
}

/** What logins go by. */
export interface UsedMetadata {
  readonly server: Readonly<Record<string, unknown>>
  /** How the client will say who it is at the token endpoint. */
  readonly authMethod: string
}

export interface InspectionOptions {
  /** What logins send; null: there are none. */
  readonly redirectUri: string | null
  readonly clock?: Clock
}

function checkIssuer ({ document }: DiscoveryAnswer, { discovery: url, claim_validator: validator }: OidcSettings): Attempt<string> {
  const { issuer } = document
  if (typeof issuer !== 'string') return failed('the discovery document names no issuer', 'check discovery: that is the document of something else')
  const validIssuers = validator?.issuer?.valid_issuers ?? []
  if (isIssuerTrusted(issuer, { url, validIssuers })) return { kind: 'done', value: issuer }
  const shown = JSON.stringify(issuer).slice(0, 200)
  return failed(`${issuerAskedFor(url)} was asked, and says that it is ${shown}`, `write ${shown.slice(1, -1).replace(/\/$/, '')}/.well-known/openid-configuration into discovery, or list it in claim_validator.issuer.valid_issuers`)
}

async function readMetadata (provider: Provider, settings: OidcSettings): Promise<Attempt<UsedMetadata>> {
  return await attempt(async () => {
    const { configuration } = await provider.client()
    const server = configuration.serverMetadata()
    return { server: { ...server }, authMethod: chooseAuthMethod(settings, server) }
  })
}

async function readKeys (provider: Provider, { server }: UsedMetadata): Promise<Attempt<ProviderKeys>> {
  const { jwks_uri: url } = server
  if (typeof url !== 'string') return failed('the provider names no jwks_uri', 'set jwks_uri: without keys no signature can be verified')
  const read = await attempt(async () => await readProviderKeys(provider.http, url))
  return read.kind === 'done' ? read.value : read
}

async function inspect (provider: Provider, settings: OidcSettings, { redirectUri, clock = systemClock }: InspectionOptions): Promise<ProviderInspection> {
  const nothing = { issuer: null, metadata: null, keys: null, authorization: null, credentials: null }
  const discovery = await readDiscoveryAnswer(provider.http, settings.discovery, clock)
  if (discovery.kind === 'failed') return { ...nothing, discovery }
  const issuer = checkIssuer(discovery.value, settings)
  if (issuer.kind === 'failed') return { ...nothing, discovery, issuer }
  const metadata = await readMetadata(provider, settings)
  if (metadata.kind === 'failed') return { ...nothing, discovery, issuer, metadata }
  const { value } = metadata
  return {
    discovery,
    issuer,
    metadata,
    keys: await readKeys(provider, value),
    authorization: redirectUri === null ? null : await tryAuthorization(provider, settings, redirectUri),
    credentials: redirectUri === null || value.authMethod === 'none' ? null : await tryCredentials(provider, settings, redirectUri)
  }
}

/**
 * Asks the provider of these options what it is, through the same TLS, proxy and time-out as logins, and says what is
 * wrong instead of throwing. Where there are logins it makes one authorization request, and one token request with a code
 * that nobody issued. null: the options need no provider.
 */
export async function inspectProvider (options: ResolvedOptions, request: InspectionOptions): Promise<ProviderInspection | null> {
  if (!needsDiscovery(options)) return null
  const settings = settle(options)
  const provider = createProvider(settings, request.clock ?? systemClock)
  try {
    return await inspect(provider, settings, request)
  } finally {
    await provider.close()
  }
}
