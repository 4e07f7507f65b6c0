import { authorizationCodeGrant, type AuthorizationCodeGrantChecks } from 'openid-client'
import type { Clock } from 'fastify-oidc-session-store'
import type { OidcSettings } from '../options/settings.ts'
import { deriveProofs } from './authorization.ts'
import { verifyIdToken } from './id-token.ts'
import type { Provider } from './provider.ts'
import { toProviderError } from './provider-error.ts'
import { readTokens, type Tokens } from './tokens.ts'

/** The login attempt that a code answers. */
export interface CodeExchange {
  readonly redirectUri: string
  /** The callback's query. */
  readonly parameters: URLSearchParams
  readonly state: string
  readonly seed: string
}

function callbackUrl ({ redirectUri, parameters }: CodeExchange): URL {
  const url = new URL(redirectUri)
  url.search = parameters.toString()
  return url
}

/**
 * A code for tokens (RFC 6749, section 4.1.3), the ID token verified.
 * @throws FST_OIDC_CODE_REFUSED, FST_OIDC_CLIENT_REFUSED, FST_OIDC_TOKEN_INVALID, FST_OIDC_PROVIDER_UNAVAILABLE
 */
export async function exchangeCode (provider: Provider, settings: OidcSettings, exchange: CodeExchange, clock: Clock): Promise<Tokens> {
  const client = await provider.client()
  const { nonce, codeVerifier } = deriveProofs(exchange.seed, settings)
  const checks: AuthorizationCodeGrantChecks = {
    expectedState: exchange.state,
    idTokenExpected: true,
    ...(nonce === null ? {} : { expectedNonce: nonce }),
    ...(codeVerifier === null ? {} : { pkceCodeVerifier: codeVerifier })
  }
  const now = clock()
  const answer = await authorizationCodeGrant(client.configuration, callbackUrl(exchange), checks, undefined, client.proofs).catch((error: unknown) => { throw toProviderError(error) })
  const idTokenClaims = await verifyIdToken(answer.id_token ?? '', client, {
    clientId: settings.client_id,
    clientSecret: settings.client_secret,
    nonce,
    accessToken: answer.access_token,
    slack: settings.iat_slack,
    acceptsUnsupported: settings.accept_unsupported_alg,
    acceptsUnsigned: settings.accept_none_alg,
    profile: settings.security_profile,
    verifiesTls: settings.ssl_verify,
    clock
  })
  return readTokens(answer, { now, lifeWhenUnsaid: settings.access_token_expires_in, isBound: settings.dpop?.enabled === true, idTokenClaims })
}
