import { exportJWK, generateKeyPair, type JWK } from 'jose'
import type Provider from 'oidc-provider'
import type { AccessToken, ClientCredentials, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { acrConfiguration } from './acr.ts'
import { claimsByScope, padding } from './claims.ts'
import { createMemoryAdapter } from './memory-adapter.ts'
import { pathOfIssuer } from './mount.ts'
import { mutualTls, mutualTlsAliases } from './mutual-tls.ts'
import type { ProviderSettings } from './options.ts'
import { renderErrorPage, renderMessagePage } from './pages.ts'
import { describeResource } from './resource.ts'

type Grant = InstanceType<Provider['Grant']>
type Library = Pick<typeof import('oidc-provider'), 'errors' | 'interactionPolicy'>
type Errors = Library['errors']

async function signingKey (algorithm: string, kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true })
  return { ...await exportJWK(privateKey), kid, use: 'sig' }
}

let keys: Promise<JWK[]> | null = null

/** Made once in a process: an RSA key costs up to half a second. The RSA key serves RS256 and PS256. */
export async function signingKeys (): Promise<JWK[]> {
  keys ??= Promise.all([signingKey('RS256', 'test-rsa'), signingKey('ES256', 'test-ec'), signingKey('Ed25519', 'test-ed')])
  return (await keys).map(key => ({ ...key }))
}

/** Without a form: whatever the client asks for is granted. */
async function grantEverything (ctx: KoaContextWithOIDC, settings: ProviderSettings): Promise<Grant | undefined> {
  const { client, session, params, provider } = ctx.oidc
  if (client === undefined || session?.accountId === undefined) return undefined
  const grantId = session.grantIdFor(client.clientId)
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = existing ?? new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope(String(params?.scope ?? 'openid'))
  if (settings.resource !== null) grant.addResourceScope(settings.resource, settings.scopes.join(' '))
  await grant.save()
  return grant
}

/** The provider passes a dispatcher that refuses loopback addresses, where everything of a test lives. */
const fetchAnywhere: NonNullable<Configuration['fetch']> = async (input, init) => {
  const { dispatcher, ...rest } = (init ?? {}) as RequestInit & { dispatcher?: unknown }
  return await globalThis.fetch(input, rest)
}

function features (settings: ProviderSettings, errors: Errors): NonNullable<Configuration['features']> {
  return {
    devInteractions: { enabled: false },
    backchannelLogout: { enabled: true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    jwtResponseModes: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => { ctx.body = form },
      postLogoutSuccessSource: ctx => { ctx.body = renderMessagePage('Signed out', 'You are signed out.') }
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_ctx, _client, oneOf) => oneOf?.[0] ?? settings.resource ?? undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, resource) => {
        if (resource !== settings.resource) throw new errors.InvalidTarget()
        return describeResource(settings, resource)
      }
    }
  }
}

function extraTokenClaims (token: AccessToken | ClientCredentials, settings: ProviderSettings): Record<string, string> | undefined {
  return token.resourceServer === undefined ? undefined : padding(settings.tokenSize)
}

function lifetimes (ttl: ProviderSettings['ttl']): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: ttl.accessToken,
    ClientCredentials: ttl.accessToken,
    IdToken: ttl.idToken,
    RefreshToken: ttl.refreshToken,
    Session: ttl.session,
    Grant: Math.max(ttl.refreshToken, ttl.session),
    Interaction: 600
  }
}

/** Where it is reached. */
export interface Origins {
  readonly issuer: string
  /** Where it listens for everybody. */
  readonly listener: string
  /** null: nowhere with certificates of clients. */
  readonly mutualTlsOrigin: string | null
}

function mutualTlsConfiguration (origin: string | null): Configuration {
  if (origin === null) return {}
  return {
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none', 'tls_client_auth', 'self_signed_tls_client_auth'],
    discovery: { mtls_endpoint_aliases: mutualTlsAliases(origin) }
  }
}

/** What the provider is told. Every function that it would print advice about has one of ours. */
export async function createConfiguration (settings: ProviderSettings, { issuer, mutualTlsOrigin }: Origins, { errors, interactionPolicy }: Library): Promise<Configuration> {
  const { interactions, ...acr } = acrConfiguration(settings, interactionPolicy)
  const bySubject = new Map([...settings.accounts.values()].map(account => [account.sub, account]))
  const cookie = (name: string): string => `test_provider_${new URL(issuer).port}_${name}`
  return {
    adapter: createMemoryAdapter(),
    clients: settings.clients,
    jwks: { keys: await signingKeys() as NonNullable<Configuration['jwks']>['keys'] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA', 'HS256'] },
    cookies: { keys: ['development only'], names: { interaction: cookie('interaction'), resume: cookie('resume'), session: cookie('session') } },
    scopes: [...settings.scopes],
    claims: claimsByScope(settings.accounts.values()),
    conformIdTokenClaims: false,
    clientBasedCORS: () => false,
    pkce: { required: () => false },
    interactions: { ...interactions, url: (_ctx, interaction) => `${pathOfIssuer(issuer)}/interaction/${interaction.uid}` },
    ...acr,
    findAccount: (_ctx, subject) => {
      const account = bySubject.get(subject)
      if (account === undefined) return undefined
      return { accountId: account.sub, claims: use => use === 'id_token' ? { ...account, ...padding(settings.tokenSize) } : account }
    },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    expiresWithSession: () => false,
    extraTokenClaims: (_ctx, token) => extraTokenClaims(token, settings),
    fetch: fetchAnywhere,
    renderError: (ctx, out) => { ctx.type = 'html'; ctx.body = renderErrorPage({ ...out }) },
    ttl: lifetimes(settings.ttl),
    ...mutualTlsConfiguration(mutualTlsOrigin),
    ...settings.configuration,
    features: { ...features(settings, errors), ...(mutualTlsOrigin === null ? {} : { mTLS: mutualTls() }), ...settings.configuration.features } as Configuration['features'],
    ...(settings.autoLogin === null ? {} : { loadExistingGrant: (ctx: KoaContextWithOIDC) => grantEverything(ctx, settings) })
  }
}
