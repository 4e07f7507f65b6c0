// Sessions through a real flow, and tokens from the provider's own endpoint.
import { Browser } from 'fastify-oidc-testing'
import { repeat } from './repeat.mjs'

// A cookie belongs to a host, whatever the port: under another name than the provider's, no cookie of the provider is among them.
export function outside (origin) {
  return origin.replace('127.0.0.1', 'localhost')
}

/** The host under which sessions of a server were made. */
export function hostOf (origin) {
  return new URL(outside(origin)).host
}

export async function logIn (browser, origin, path = '/') {
  const page = await browser.navigate(`${outside(origin)}${path}`)
  if (page.status !== 200 || page.url.origin !== outside(origin)) throw new Error(`the login at ${origin} ends with ${page.status} at ${page.url.origin}${page.url.pathname}: ${page.body.slice(0, 300)}`)
  const refused = browser.rejected.map(({ name, reason }) => `${name}: ${reason}`)
  if (refused.length > 0) throw new Error(`a browser refuses a cookie of ${origin}: ${refused.join(', ')}`)
  return browser.cookieHeader(`${outside(origin)}${path}`)
}

/** `Cookie` headers of so many sessions. The provider sees one user who comes back with each; the application, somebody new. */
export async function logInMany (origin, issuer, count) {
  const first = new Browser()
  const cookie = await logIn(first, origin)
  const known = first.cookies(issuer).map(({ name, value, path }) => `${name}=${value}; Path=${path}`)
  const others = await repeat(count - 1, () => {
    const browser = new Browser()
    browser.setCookies(issuer, known)
    return logIn(browser, origin)
  })
  return [cookie, ...others]
}

/** So many access tokens, for a client that may ask with a password. */
export async function askForTokens (issuer, client, count) {
  return await repeat(count, async () => {
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${encodeURIComponent(client.client_id)}:${encodeURIComponent(client.client_secret)}`)}` },
      body: new URLSearchParams({ grant_type: 'password', username: 'alice', password: 'any', scope: 'openid profile email groups' })
    })
    if (!response.ok) throw new Error(`the provider answers ${response.status} to a password`)
    return (await response.json()).access_token
  })
}
