import { tokenRevocation } from 'openid-client'
import type { Provider } from './provider.ts'
import { toProviderError } from './provider-error.ts'

/**
 * Tells the provider that tokens are needed no more (RFC 7009), the refresh token first. Each is tried, whatever
 * becomes of the other.
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_CLIENT_REFUSED: the first failure
 */
export async function revokeTokens (provider: Provider, { refreshToken, accessToken }: { refreshToken: string | null, accessToken: string | null }): Promise<void> {
  const { revocation: configuration } = await provider.client()
  if (configuration.serverMetadata().revocation_endpoint === undefined) return
  const failures: unknown[] = []
  for (const [token, hint] of [[refreshToken, 'refresh_token'], [accessToken, 'access_token']] as const) {
    if (token !== null) await tokenRevocation(configuration, token, { token_type_hint: hint }).catch((error: unknown) => { failures.push(error) })
  }
  if (failures.length > 0) throw toProviderError(failures[0])
}
