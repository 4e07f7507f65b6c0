import type { OidcSettings } from '../options/settings.ts'
import { authorize } from '../provider/authorization.ts'
import type { Provider } from '../provider/provider.ts'

/** Where a login begins, and what must be remembered until the provider answers. */
export interface StartedLogin {
  readonly location: string
  readonly state: string
  readonly nonce: string | null
  readonly codeVerifier: string | null
  readonly returnTo: string
  /** null: too long to be remembered, and the same when the answer arrives there. */
  readonly redirectUri: string | null
}

const MAX_RETURN_TO = 1500
/** Under the suffix rule it is as long as the address, and both would not fit into one cookie. */
const MAX_REDIRECT_URI = 512

/** What is longer loses its query, and what is longer still is forgotten: it has to fit into a cookie. */
function boundReturnTo (returnTo: string): string {
  if (returnTo.length <= MAX_RETURN_TO) return returnTo
  const path = returnTo.slice(0, returnTo.indexOf('?') >>> 0)
  return path.length <= MAX_RETURN_TO ? path : '/'
}

/**
 * Starts a login at the provider.
 * @throws FST_OIDC_PROVIDER_UNAVAILABLE
 */
export async function startLogin (provider: Provider, settings: OidcSettings, { returnTo, redirectUri, attempt }: { returnTo: string, redirectUri: string, attempt: number }): Promise<StartedLogin> {
  const authorization = await authorize(provider, settings, redirectUri, attempt)
  return { ...authorization, returnTo: boundReturnTo(returnTo), redirectUri: redirectUri.length > MAX_REDIRECT_URI ? null : redirectUri }
}
