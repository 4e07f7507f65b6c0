import { buildAuthorizationUrl, calculatePKCECodeChallenge, randomNonce, randomPKCECodeVerifier, randomState } from 'openid-client'
import type { OidcSettings } from '../options/settings.ts'
import type { Provider } from './provider.ts'

/** One login attempt towards the provider. */
export interface Authorization {
  readonly location: string
  readonly state: string
  readonly nonce: string | null
  readonly codeVerifier: string | null
}

function extraParameters (settings: OidcSettings): URLSearchParams {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(settings.authorization_params ?? {})) {
    if (Array.isArray(value)) for (const member of value) parameters.append(name, member)
    else parameters.append(name, String(value))
  }
  return parameters
}

/**
 * The authorization request (RFC 6749, section 4.1.1; OpenID Connect Core 1.0, section 3.1.2.1).
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE
 */
export async function authorize (provider: Provider, settings: OidcSettings, redirectUri: string, attempt: number): Promise<Authorization> {
  const { configuration } = await provider.client()
  // The attempt rides in the state, so that a browser without cookies cannot be sent round for ever.
  const state = `${randomState()}.${attempt}`
  const nonce = settings.use_nonce ? randomNonce() : null
  const codeVerifier = settings.use_pkce ? randomPKCECodeVerifier() : null
  const parameters = extraParameters(settings)
  parameters.set('response_type', 'code')
  if (!parameters.has('scope')) parameters.set('scope', settings.scope)
  parameters.set('redirect_uri', redirectUri)
  parameters.set('state', state)
  if (nonce !== null) parameters.set('nonce', nonce)
  if (codeVerifier !== null) {
    parameters.set('code_challenge', await calculatePKCECodeChallenge(codeVerifier))
    parameters.set('code_challenge_method', 'S256')
  }
  return { location: buildAuthorizationUrl(configuration, parameters).href, state, nonce, codeVerifier }
}
