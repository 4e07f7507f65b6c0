// The same for a client that can keep no secret: PKCE (RFC 7636) alone proves that the code was asked for here.
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'

const app = Fastify({ logger: true })
const provider = await createTestProvider({
  clients: [{
    client_id: 'public-client',
    token_endpoint_auth_method: 'none',
    // A native application may come back to any port (RFC 8252, section 7.3).
    application_type: 'native',
    redirect_uris: ['http://127.0.0.1/callback'],
    grant_types: ['authorization_code', 'refresh_token']
  }],
  // The provider refuses a login without a challenge.
  configuration: { pkce: { required: () => true } }
})

await app.register(oidc, {
  discovery: provider.discovery,
  client_id: provider.clientId,
  token_endpoint_auth_method: 'none',
  // Both are on under oauth2.1, and written here to be seen.
  use_pkce: true,
  use_nonce: true,
  redirect_uri: '/callback',
  session: { secret: randomBytes(32).toString('base64url') },
  security_profile: 'oauth2.1'
})

app.get('/', async request => ({ via: request.oidc.via, claims: request.oidc.claims }))

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
