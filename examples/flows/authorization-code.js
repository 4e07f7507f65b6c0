// The authorization code flow (RFC 6749, section 4.1): the application logs people in, and keeps their tokens in a session.
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'

const provider = await createTestProvider()
const app = Fastify({ logger: true })

await app.register(oidc, {
  discovery: provider.discovery,
  client_id: provider.clientId,
  client_secret: provider.clientSecret,
  redirect_uri: '/callback',
  scope: 'openid profile email',
  session: { secret: randomBytes(32).toString('base64url') },
  security_profile: 'oauth2.1'
})

app.get('/', async request => ({ via: request.oidc.via, claims: request.oidc.claims }))

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
