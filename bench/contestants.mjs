// Who runs, and with which requests.
import { Browser } from 'fastify-oidc-testing'
import { startServer } from './processes.mjs'

// Filling that makes access tokens of 1.1 KB, as large providers issue them, and sessions of 3.5 KB.
const TOKEN_SIZE = 380

async function ask ({ server, headers }, path) {
  const response = await fetch(`${server.origin}${path}`, { headers, redirect: 'manual' })
  if (response.status !== 200) throw new Error(`${server.origin}${path} answers ${response.status}`)
  return await response.json()
}

async function startOidc (cores, upstream) {
  const provider = await startServer('provider', cores?.rest ?? null, { tokenSize: TOKEN_SIZE })
  const server = await startServer('oidc-cookie', cores?.server ?? null, { upstream, options: provider.options })
  // A cookie belongs to a host, whatever the port: under another name than the provider's, no cookie of the provider is among them.
  const outside = server.origin.replace('127.0.0.1', 'localhost')
  const browser = new Browser()
  const page = await browser.navigate(`${outside}/`)
  if (page.status !== 200) throw new Error(`the login ends with ${page.status}: ${page.body.slice(0, 300)}`)
  const headers = { cookie: browser.cookieHeader(`${outside}/`) }
  const { 'x-access-token': token = '' } = await ask({ server, headers }, '/headers')
  if (token.length < TOKEN_SIZE) throw new Error(`the upstream gets an access token of ${token.length} bytes`)
  const { bytes: sessionBytes } = await ask({ server, headers }, '/session-size')
  return { server, provider, headers, token, sizes: { sessionBytes, accessTokenBytes: token.length, cookieHeaderBytes: headers.cookie.length } }
}

const API = { client_id: 'https://api.example.test', client_secret: 'a secret of the API, for the bench', grant_types: ['password'], response_types: [], redirect_uris: [] }

async function askForToken (issuer) {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${encodeURIComponent(API.client_id)}:${encodeURIComponent(API.client_secret)}`)}` },
    body: new URLSearchParams({ grant_type: 'password', username: 'alice', password: 'any', scope: 'openid profile email groups' })
  })
  if (!response.ok) throw new Error(`the provider answers ${response.status} to a password`)
  return (await response.json()).access_token
}

/** The same token each time, as programs send it: what was verified once is remembered. */
async function startBearer (cores, upstream, tokenFormat, options) {
  const provider = await startServer('provider', cores?.rest ?? null, { tokenSize: TOKEN_SIZE, tokenFormat, clients: [API] })
  const server = await startServer('oidc-bearer', cores?.server ?? null, { upstream, options: { ...provider.options, ...options } })
  const refused = await fetch(`${server.origin}/`)
  if (refused.status !== 401) throw new Error(`without a token the bearer server answers ${refused.status}`)
  return { server, provider, headers: { authorization: `Bearer ${await askForToken(provider.issuer)}` } }
}

/** Every contestant, up and checked. The first is what the others are compared with. */
export async function startContestants (cores) {
  const { origin: upstream, stop: stopUpstream } = await startServer('upstream', cores?.rest ?? null)
  const bare = await startServer('bare', cores?.server ?? null, { upstream })
  const again = await startServer('bare', cores?.server ?? null, { upstream })
  const { server, provider, headers, token, sizes } = await startOidc(cores, upstream)
  const jwt = await startBearer(cores, upstream, 'jwt', { use_jwks: true })
  const opaque = await startBearer(cores, upstream, 'opaque', {})
  const contestants = [
    { name: 'bare', title: '@fastify/http-proxy, no authentication', server: bare, headers: {} },
    { name: 'reference', title: 'the same again (noise)', server: again, headers: {} },
    { name: 'bare-same-bytes', title: '@fastify/http-proxy, as many bytes', server: bare, headers: { ...headers, 'x-access-token': token } },
    { name: 'oidc-cookie', title: 'fastify-oidc + proxy, cookie session', server, headers },
    { name: 'oidc-bearer', title: 'fastify-oidc + proxy, bearer JWT, cached', server: jwt.server, headers: jwt.headers },
    { name: 'oidc-introspection', title: 'fastify-oidc + proxy, introspected, cached', server: opaque.server, headers: opaque.headers }
  ]
  for (const contestant of contestants) await ask(contestant, '/headers')
  return {
    contestants,
    sizes,
    stop: () => [stopUpstream, ...[bare, again, server, provider, jwt.server, jwt.provider, opaque.server, opaque.provider].map(({ stop }) => stop)].forEach(stop => stop())
  }
}
