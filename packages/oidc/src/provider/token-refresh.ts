import { refreshTokenGrant } from 'openid-client'
import type { Clock } from 'fastify-oidc-session-store'
import { TokenInvalidError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { requestedScope } from './authorization.ts'
import { verifyIdToken } from './id-token.ts'
import type { Provider, ProviderClient } from './provider.ts'
import { isGrantRefused, tokenInvalid, toProviderError } from './provider-error.ts'
import { readTokens, type Tokens } from './tokens.ts'

export type TokenRefresh =
  | { readonly kind: 'refreshed', readonly tokens: Tokens }
  /** The provider said no to the refresh token, or gave an ID token that does not hold: the session is over. */
  | { readonly kind: 'refused', readonly error: Error }

async function verifyRenewed (idToken: string, client: ProviderClient, settings: OidcSettings, accessToken: string, subject: string, clock: Clock): Promise<Tokens['idTokenClaims']> {
  const claims = await verifyIdToken(idToken, client, { clientId: settings.client_id, clientSecret: settings.client_secret, nonce: null, accessToken, slack: settings.iat_slack, acceptsUnsupported: settings.accept_unsupported_alg, acceptsUnsigned: settings.accept_none_alg, profile: settings.security_profile, verifiesTls: settings.ssl_verify, clock })
  // OpenID Connect Core 1.0, section 12.2
  if (claims.sub !== subject) throw tokenInvalid('the renewed ID token is for another subject')
  return claims
}

/**
 * New tokens for a refresh token (RFC 6749, section 6).
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_CLIENT_REFUSED, FST_OIDC_PROVIDER_INVALID: the session may live on
 */
export async function refreshTokens (provider: Provider, settings: OidcSettings, { refreshToken, subject }: { refreshToken: string, subject: string }, clock: Clock): Promise<TokenRefresh> {
  const client = await provider.client()
  const now = clock()
  try {
    const answer = await refreshTokenGrant(client.configuration, refreshToken, { scope: requestedScope(settings) }, client.proofs)
    const idTokenClaims = answer.id_token === undefined ? null : await verifyRenewed(answer.id_token, client, settings, answer.access_token, subject, clock)
    return { kind: 'refreshed', tokens: readTokens(answer, { now, lifeWhenUnsaid: settings.access_token_expires_in, isBound: settings.dpop?.enabled === true, idTokenClaims }) }
  } catch (error) {
    const known = error instanceof TokenInvalidError ? error : toProviderError(error)
    if (isGrantRefused(error) || known instanceof TokenInvalidError) return { kind: 'refused', error: known }
    throw known
  }
}
