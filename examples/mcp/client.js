// A public client: it is given the URL of an MCP server, finds out the rest, and prints each request that it makes.
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const url = new URL(process.argv[2] ?? 'http://127.0.0.1:3000/mcp')

/** Where the browser comes back to (RFC 8252, section 7.3). */
const home = createServer((request, response) => { response.end('You can close this window.\n') }).listen(0, '127.0.0.1')
await once(home, 'listening')
const redirectUrl = `http://127.0.0.1:${home.address().port}/callback`

const kept = {}
const authProvider = {
  redirectUrl,
  clientMetadata: { client_name: 'Notes on the command line', redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
  state: () => { kept.state = randomUUID(); return kept.state },
  // With saveClientInformation in its place, a client registers itself (RFC 7591).
  clientInformation: () => ({ client_id: 'notes-cli' }),
  tokens: () => kept.tokens,
  saveTokens: tokens => { kept.tokens = tokens },
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: verifier => { kept.verifier = verifier },
  redirectToAuthorization: address => { console.log(`open in a browser: ${address}`) }
}

async function fetchAndPrint (address, init) {
  const response = await fetch(address, init)
  const { pathname } = new URL(address)
  console.log(`${init?.method ?? 'GET'} ${pathname} ${response.status} ${response.headers.get('www-authenticate') ?? ''}`.trimEnd())
  return response
}

const createTransport = () => new StreamableHTTPClientTransport(url, { authProvider, fetch: fetchAndPrint })

/** Waits for the browser, and has the code exchanged for a token. */
async function takeCode (transport) {
  for (;;) {
    const [request] = await once(home, 'request')
    const { pathname, searchParams } = new URL(request.url, redirectUrl)
    if (pathname !== '/callback' || searchParams.get('state') !== kept.state) continue
    if (!searchParams.has('code')) throw new Error(`the provider says ${searchParams.get('error')}`)
    return await transport.finishAuth(searchParams.get('code'))
  }
}

/** Does something that may need a token, or one with more scopes than the last: then it asks for one and does it again. */
async function withToken (transport, run) {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    await takeCode(transport)
    return null
  }
}

async function connect () {
  const transport = createTransport()
  const client = new Client({ name: 'notes', version: '1.0.0' })
  await client.connect(transport)
  return { client, transport }
}

const first = createTransport()
await withToken(first, async () => { await new Client({ name: 'notes', version: '1.0.0' }).connect(first) })

const { client, transport } = await connect()
const call = async name => (await client.callTool({ name, arguments: {} })).content[0].text
console.log(`count_notes: ${await call('count_notes')}`)
console.log(`add_note: ${await withToken(transport, async () => await call('add_note')) ?? await call('add_note')}`)
console.log(`count_notes: ${await call('count_notes')}`)
await client.close()
home.close()
home.closeAllConnections()
