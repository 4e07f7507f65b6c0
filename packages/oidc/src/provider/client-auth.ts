import { ClientSecretBasic, ClientSecretPost, None, TlsClientAuth, type ClientAuth, type ServerMetadata } from 'openid-client'
import { isByCertificate } from '../options/client-auth-options.ts'
import type { ResolvedOptions } from '../options/schema.ts'
import { clientSecretJwt, privateKeyJwt, type AssertionSettings } from './client-assertion.ts'

type MakeAuth = (settings: AssertionSettings, audience: string) => ClientAuth

/** How the client says who it is at the provider's endpoints (RFC 6749, section 2.3; OpenID Connect Core 1.0, section 9). */
const METHODS: Readonly<Record<string, MakeAuth>> = {
  client_secret_basic: settings => ClientSecretBasic(settings.client_secret ?? ''),
  client_secret_post: settings => ClientSecretPost(settings.client_secret ?? ''),
  client_secret_jwt: clientSecretJwt,
  private_key_jwt: privateKeyJwt,
  // RFC 8705, section 2: the connection says it, and the form no more than who it is about.
  tls_client_auth: () => TlsClientAuth(),
  self_signed_tls_client_auth: () => TlsClientAuth(),
  none: () => None()
}

type TokenEndpointSettings = Pick<ResolvedOptions, 'token_endpoint_auth_method' | 'client_secret' | 'client_rsa_private_key' | 'tls_client_auth' | 'security_profile'>

function isUsable (method: string, { client_secret: secret, client_rsa_private_key: key, tls_client_auth: certificate }: TokenEndpointSettings): boolean {
  if (method === 'private_key_jwt') return key !== undefined
  if (isByCertificate(method)) return certificate !== undefined
  return method === 'none' || (Object.hasOwn(METHODS, method) && secret !== undefined)
}

/** The configured method, or the first one of the provider's list that can be used where it does not list that. */
export function chooseAuthMethod (settings: TokenEndpointSettings, server: Readonly<ServerMetadata>): string {
  const configured = settings.token_endpoint_auth_method
  // A secret instead of a key would not be what the profile says.
  if (settings.security_profile === 'fapi2') return configured
  const listed = server.token_endpoint_auth_methods_supported
  const canUse = isUsable(configured, settings)
  if (canUse && listed?.includes(configured) !== false) return configured
  return listed?.find(method => method !== 'none' && isUsable(method, settings)) ?? (canUse ? configured : 'none')
}

/** Of a client that a caller is: by its secret, in the way that is configured for our own where that is by a secret in clear. */
export function authOfCaller ({ token_endpoint_auth_method: configured }: Pick<ResolvedOptions, 'token_endpoint_auth_method'>, { token_endpoint_auth_methods_supported: listed }: Readonly<ServerMetadata>, secret: string): ClientAuth {
  const wanted = configured === 'client_secret_post' ? configured : 'client_secret_basic'
  const other = wanted === 'client_secret_post' ? 'client_secret_basic' : 'client_secret_post'
  const method = listed?.includes(wanted) === false && listed.includes(other) ? other : wanted
  return method === 'client_secret_post' ? ClientSecretPost(secret) : ClientSecretBasic(secret)
}

/** Of pushed requests: their own method, else that of the token endpoint. One that lacks its key is never called: boot sees to that. */
export function choosePushMethod (settings: TokenEndpointSettings & Pick<ResolvedOptions, 'par'>, tokenMethod: string): string {
  const own = settings.par?.endpoint_auth_method
  return own !== undefined && isUsable(own, settings) ? own : tokenMethod
}

/** Whom assertions at an endpoint are for: it alone, or under FAPI 2.0 the provider (section 5.3.3.1), unless the options name another audience. */
export function assertionAudience ({ security_profile: profile }: Pick<ResolvedOptions, 'security_profile'>, { endpoint, issuer }: { readonly endpoint: string | undefined, readonly issuer: string }): string {
  return profile === 'fapi2' ? issuer : endpoint ?? issuer
}

export function createClientAuth (settings: AssertionSettings, method: string, audience: string): ClientAuth {
  return METHODS[method]?.(settings, audience) ?? None()
}

/** openid-client leaves the query of a redirect_uri out and writes it anew, and the provider compares all of it letter by letter (RFC 6749, section 4.1.3). */
export function keepRedirectUri (auth: ClientAuth, redirectUri: string | undefined): ClientAuth {
  if (redirectUri === undefined) return auth
  const { search } = new URL(redirectUri, 'http://localhost')
  const isAbsolute = !redirectUri.startsWith('/')
  return (server, client, body, headers) => {
    const sent = body.get('redirect_uri')
    if (sent !== null) body.set('redirect_uri', isAbsolute ? redirectUri : sent + search)
    return auth(server, client, body, headers)
  }
}
