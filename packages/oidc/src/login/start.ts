import { randomBytes } from 'node:crypto'
import type { OidcSettings } from '../options/settings.ts'
import { authorize, type AskedParameters } from '../provider/authorization.ts'
import type { Provider } from '../provider/provider.ts'

/** Where a login begins, and what must be remembered until the provider answers. */
export interface StartedLogin {
  readonly location: string
  readonly state: string
  /** Nonce and PKCE verifier come from it. */
  readonly seed: string
  readonly returnTo: string
}

const SEED_BYTES = 16
const MAX_RETURN_TO = 1500

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
export async function startLogin (provider: Provider, settings: OidcSettings, { returnTo, redirectUri, attempt, prompt, asked }: { returnTo: string, redirectUri: string, attempt: number, prompt: 'none' | null, asked: AskedParameters }): Promise<StartedLogin> {
  const seed = randomBytes(SEED_BYTES).toString('base64url')
  const authorization = await authorize(provider, settings, { redirectUri, attempt, seed, prompt, asked })
  return { ...authorization, seed, returnTo: boundReturnTo(returnTo) }
}
