import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startGateway } from './parts.ts'
import { freePort } from '../support/free-port.ts'

type Tap = { teardown (run: () => unknown): void }

/** A server of one tool, which knows nothing of OAuth: it says who calls by what the gateway tells it. */
async function startMcpServer (t: Tap): Promise<string> {
  const http = createServer((request, response) => {
    if (request.method !== 'POST') {
      response.writeHead(405).end()
      return
    }
    const server = new McpServer({ name: 'tools', version: '1.0.0' })
    const userinfo = JSON.parse(Buffer.from(String(request.headers['x-userinfo']), 'base64').toString()) as { sub: string }
    server.registerTool('whoami', { description: 'Says who calls.' }, async () => ({ content: [{ type: 'text', text: userinfo.sub }] }))
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined as never })
    server.connect(transport as Transport).then(async () => { await transport.handleRequest(request, response) }).catch(() => { response.destroy() })
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  t.teardown(() => { http.close(); http.closeAllConnections() })
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

/** What a client that was never here before keeps. */
function createMemory (redirectUrl: string) {
  const kept: Record<string, unknown> = {}
  const visited: URL[] = []
  const authProvider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: { client_name: 'A tool', redirect_uris: [redirectUrl], grant_types: ['authorization_code'], response_types: ['code'], token_endpoint_auth_method: 'none' },
    clientInformation: () => kept.client as never,
    saveClientInformation: client => { kept.client = client },
    tokens: () => kept.tokens as never,
    saveTokens: tokens => { kept.tokens = tokens },
    redirectToAuthorization: url => { visited.push(url) },
    saveCodeVerifier: verifier => { kept.verifier = verifier },
    codeVerifier: () => String(kept.verifier)
  }
  return { authProvider, kept, visited }
}

t.test('a public client that knows nothing but a URL finds the provider, gets a token for the resource and calls', async t => {
  const port = await freePort()
  const resource = `http://127.0.0.1:${port}/mcp`
  const redirectUrl = `http://127.0.0.1:${port}/back`
  const provider = await createTestProvider({ autoLogin: 'alice', resource, scopes: ['tools:run'], configuration: { features: { registration: { enabled: true } } } })
  t.teardown(async () => { await provider.close() })
  const upstream = await startMcpServer(t)
  const gateway = await startGateway(t, {
    listen: { port },
    routes: [{
      uris: ['/mcp', '/mcp/*'],
      upstream,
      plugins: { 'openid-connect': { discovery: provider.discovery, client_id: 'the gateway', bearer_only: true, use_jwks: true, required_scopes: ['tools:run'], resource_metadata: { resource, resource_name: 'Tools' } } }
    }]
  })
  await gateway.listen()
  const { authProvider, kept, visited } = createMemory(redirectUrl)
  const url = new URL(resource)
  const first = new StreamableHTTPClientTransport(url, { authProvider })
  await t.rejects(new Client({ name: 'A tool', version: '1.0.0' }).connect(first as Transport), { message: /Unauthorized/ }, 'without a token it is sent to the provider')
  const [asked] = visited
  t.match(asked, { origin: new URL(provider.issuer).origin })
  t.match(Object.fromEntries(asked?.searchParams ?? []), { resource, scope: 'tools:run', code_challenge_method: 'S256', redirect_uri: redirectUrl, client_id: (kept.client as { client_id: string }).client_id })
  const answer = await new Browser().navigate(String(asked))
  const code = answer.url.searchParams.get('code')
  t.ok(code, 'the person has signed in')
  await first.finishAuth(String(code))
  const client = new Client({ name: 'A tool', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider }) as Transport)
  t.teardown(async () => { await client.close() })
  t.match(await client.listTools(), { tools: [{ name: 'whoami' }] })
  t.match(await client.callTool({ name: 'whoami', arguments: {} }), { content: [{ type: 'text', text: 'alice' }] })
  const { access_token: token } = kept.tokens as { access_token: string }
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>
  t.match(claims, { aud: resource, scope: 'tools:run' })
  const post = async (authorization: string): Promise<number> => (await gateway.app.inject({ method: 'POST', url: '/mcp', headers: { authorization } })).statusCode
  t.equal(await post(`Bearer ${token}x`), 401, 'a token that nobody signed gets nowhere')
})
