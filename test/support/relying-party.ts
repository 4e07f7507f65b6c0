import * as client from 'openid-client'
import type { Browser, Page } from 'fastify-oidc-testing'

/** Where the code comes back to. Nothing listens there: the redirect is read, not followed. */
export const CALLBACK = 'http://127.0.0.1:9/callback'

export interface AuthorizationRequest {
  readonly url: URL
  readonly verifier: string
  readonly state: string
  readonly nonce: string
}

/** A client of a provider without any of our code, to see what the provider does. */
export async function discover (issuer: string, clientId: string, clientSecret: string): Promise<client.Configuration> {
  return await client.discovery(new URL(issuer), clientId, clientSecret, undefined, { execute: [client.allowInsecureRequests] })
}

export async function authorizationRequest (configuration: client.Configuration, parameters: Readonly<Record<string, string>> = {}): Promise<AuthorizationRequest> {
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: CALLBACK,
    scope: 'openid profile email groups',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
    nonce,
    ...parameters
  })
  return { url, verifier, state, nonce }
}

/** Follows redirects up to the callback, which is not asked. */
export async function followToCallback (browser: Browser, page: Page): Promise<URL> {
  let current = page
  while (current.location !== null) {
    if (current.location.href.startsWith(CALLBACK)) return current.location
    current = await browser.navigate(current.location, { follow: false })
  }
  throw new Error(`stopped at ${current.status} ${current.url.href}: ${current.body.slice(0, 300)}`)
}

export async function exchange (configuration: client.Configuration, callback: URL, { verifier, state, nonce }: AuthorizationRequest): ReturnType<typeof client.authorizationCodeGrant> {
  return await client.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
}

/** The whole flow at a provider without forms. */
export async function authorize (configuration: client.Configuration, browser: Browser, parameters: Readonly<Record<string, string>> = {}): ReturnType<typeof client.authorizationCodeGrant> {
  const request = await authorizationRequest(configuration, parameters)
  const callback = await followToCallback(browser, await browser.navigate(request.url, { follow: false }))
  return await exchange(configuration, callback, request)
}
