// An MCP server (Streamable HTTP) for clients that know nothing but its URL.
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'
import { createNotes, READING } from './notes.js'

const port = Number(process.env.PORT ?? 3000)
// As clients write it: tokens are issued for this address.
const resource = `http://127.0.0.1:${port}/mcp`

// Stands for yours. It knows one public client, which may come back to any port (RFC 8252, section 7.3).
const provider = await createTestProvider({
  resource,
  scopes: ['notes:read', 'notes:write'],
  clients: [{ client_id: 'notes-cli', token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'], grant_types: ['authorization_code'] }]
})

const app = Fastify({ logger: true, forceCloseConnections: true })

await app.register(oidc, {
  discovery: provider.discovery,
  client_id: 'notes',
  bearer_only: true,
  use_jwks: true,
  required_scopes: ['notes:read'],
  resource_metadata: { resource, resource_name: 'Notes' },
  security_profile: 'oauth2.1'
})

// All tools are behind one path, so what a tool needs is asked when its name is known. A token without it gets 403 and a
// challenge that names every scope that is needed, by which a client asks for another token.
const mayWrite = app.oidc.guard({ required_scopes: ['notes:write'] })

async function guardTools (request, reply) {
  const isReading = ({ method, params }) => method !== 'tools/call' || READING.has(params?.name)
  if (![request.body].flat().every(message => message !== null && isReading(message))) return await mayWrite.call(this, request, reply)
}

app.post('/mcp', { preHandler: guardTools }, async (request, reply) => {
  const server = createNotes(request.oidc.user)
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true })
  await server.connect(transport)
  reply.hijack()
  reply.raw.once('close', () => { server.close() })
  await transport.handleRequest(request.raw, reply.raw, request.body)
})

// No streams and no sessions here: clients take that for an answer.
app.route({ method: ['GET', 'DELETE'], url: '/mcp', handler: async (request, reply) => reply.code(405).header('allow', 'POST').send() })

app.addHook('onClose', async () => { await provider.close() })

await app.listen({ host: '127.0.0.1', port })
