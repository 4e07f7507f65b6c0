import { createHmac } from 'node:crypto'
import { buildAuthorizationUrl, calculatePKCECodeChallenge, randomState } from 'openid-client'
import type { OidcSettings } from '../options/settings.ts'
import type { Provider, ProviderClient } from './provider.ts'
import { pushAuthorization } from './pushed-authorization.ts'

/** What an attempt proves itself by when its answer comes. */
export interface AttemptProofs {
  /** null: none is sent. */
  readonly nonce: string | null
  readonly codeVerifier: string | null
}

/** One login attempt towards the provider. */
export interface Authorization {
  readonly location: string
  readonly state: string
}

/** Parameters of one login, in place of those of `authorization_params`. */
export type AskedParameters = Readonly<Record<string, readonly string[]>>

const derive = (seed: string, purpose: string): string => createHmac('sha256', seed).update(purpose).digest('base64url')

/**
 * Nonce and PKCE verifier of an attempt. Both come from one seed, so that the cookie which remembers the attempt
 * is small: a browser may have dozens of them.
 */
export function deriveProofs (seed: string, settings: OidcSettings): AttemptProofs {
  return {
    nonce: settings.use_nonce ? derive(seed, 'nonce') : null,
    codeVerifier: settings.use_pkce ? derive(seed, 'code verifier') : null
  }
}

/** The scopes that logins ask for, and renewals with them: `authorization_params` goes before `scope`. */
export function requestedScope ({ scope, authorization_params: parameters = {} }: Pick<OidcSettings, 'scope' | 'authorization_params'>): string {
  return typeof parameters.scope === 'string' ? parameters.scope : scope
}

function extraParameters (settings: OidcSettings, asked: AskedParameters): URLSearchParams {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries({ ...settings.authorization_params, ...asked })) {
    if (typeof value === 'object') for (const member of value) parameters.append(name, member)
    else parameters.append(name, String(value))
  }
  return parameters
}

/** Where tokens are bound to a key, so is the code (RFC 9449, section 10): pushed, by a proof; in a URL, by the key's name. */
async function send (client: ProviderClient, settings: OidcSettings, parameters: URLSearchParams): Promise<URL> {
  if (settings.par?.enabled === true) return await pushAuthorization(client, parameters, settings.discovery.startsWith('https:') && settings.par.endpoint === undefined)
  const { DPoP: proof } = client.proofs
  if (proof !== undefined) parameters.set('dpop_jkt', await proof.calculateThumbprint())
  return buildAuthorizationUrl(client.configuration, parameters)
}

/**
 * The authorization request (RFC 6749, section 4.1.1; OpenID Connect Core 1.0, section 3.1.2.1).
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE; where it is pushed, also FST_OIDC_CLIENT_REFUSED and FST_OIDC_PROVIDER_INVALID
 */
export async function authorize (provider: Provider, settings: OidcSettings, { redirectUri, attempt, seed, prompt, asked }: { readonly redirectUri: string, readonly attempt: number, readonly seed: string, readonly prompt: 'none' | null, readonly asked: AskedParameters }): Promise<Authorization> {
  const client = await provider.client()
  // The attempt rides in the state, so that a browser without cookies cannot be sent round for ever.
  const state = `${randomState()}.${attempt}`
  const { nonce, codeVerifier } = deriveProofs(seed, settings)
  const parameters = extraParameters(settings, asked)
  parameters.set('response_type', 'code')
  if (!parameters.has('scope')) parameters.set('scope', settings.scope)
  if (prompt !== null && !parameters.has('prompt')) parameters.set('prompt', prompt)
  parameters.set('redirect_uri', redirectUri)
  parameters.set('state', state)
  if (nonce !== null) parameters.set('nonce', nonce)
  if (codeVerifier !== null) {
    parameters.set('code_challenge', await calculatePKCECodeChallenge(codeVerifier))
    parameters.set('code_challenge_method', 'S256')
  }
  const location = await send(client, settings, parameters)
  return { location: location.href, state }
}
