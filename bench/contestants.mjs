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

/** Every contestant, up and checked. The first is what the others are compared with. */
export async function startContestants (cores) {
  const { origin: upstream, stop: stopUpstream } = await startServer('upstream', cores?.rest ?? null)
  const bare = await startServer('bare', cores?.server ?? null, { upstream })
  const again = await startServer('bare', cores?.server ?? null, { upstream })
  const { server, provider, headers, token, sizes } = await startOidc(cores, upstream)
  const contestants = [
    { name: 'bare', title: '@fastify/http-proxy, no authentication', server: bare, headers: {} },
    { name: 'reference', title: 'the same again (noise)', server: again, headers: {} },
    { name: 'bare-same-bytes', title: '@fastify/http-proxy, as many bytes', server: bare, headers: { ...headers, 'x-access-token': token } },
    { name: 'oidc-cookie', title: 'fastify-oidc + proxy, cookie session', server, headers }
  ]
  for (const contestant of contestants) await ask(contestant, '/headers')
  return {
    contestants,
    sizes,
    stop: () => [stopUpstream, bare.stop, again.stop, server.stop, provider.stop].forEach(stop => stop())
  }
}
