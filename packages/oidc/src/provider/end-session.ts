import { buildEndSessionUrl } from 'openid-client'
import type { Provider } from './provider.ts'

/**
 * Where a browser ends its session at the provider (OpenID Connect RP-Initiated Logout 1.0, section 2); null
 * where the provider has no such endpoint.
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE
 */
export async function endSessionUrl (provider: Provider, parameters: { readonly idToken: string | null, readonly returnTo: string | null, readonly state: string | null }): Promise<string | null> {
  const { configuration } = await provider.client()
  if (configuration.serverMetadata().end_session_endpoint === undefined) return null
  return buildEndSessionUrl(configuration, {
    ...(parameters.idToken === null ? {} : { id_token_hint: parameters.idToken }),
    ...(parameters.returnTo === null ? {} : { post_logout_redirect_uri: parameters.returnTo }),
    ...(parameters.state === null ? {} : { state: parameters.state })
  }).href
}
