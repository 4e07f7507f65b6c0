import { fetchUserInfo } from 'openid-client'
import type { Claims } from 'fastify-oidc-session-store'
import type { Provider } from './provider.ts'
import { toProviderError } from './provider-error.ts'

/**
 * The userinfo of whom the ID token names (OpenID Connect Core 1.0, section 5.3), its signature verified where it has
 * one; null where the provider has none.
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_PROVIDER_INVALID, FST_OIDC_TOKEN_INVALID: also for another `sub`
 */
export async function readUserinfo (provider: Provider, accessToken: string, subject: string): Promise<Claims | null> {
  const { userinfo: configuration, proofs } = await provider.client()
  if (configuration.serverMetadata().userinfo_endpoint === undefined) return null
  return await fetchUserInfo(configuration, accessToken, subject, proofs).catch((error: unknown) => { throw toProviderError(error) })
}
