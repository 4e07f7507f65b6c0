// The refresh token grant (RFC 6749, section 6) by the application itself: while a session lives, its access token is
// renewed when it has expired, and nobody is sent to the provider for it.
import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'

const provider = await createTestProvider({ ttl: { accessToken: Number(process.env.ACCESS_TOKEN_LIFE ?? 30) } })
const app = Fastify({ logger: true })

await app.register(oidc, {
  discovery: provider.discovery,
  client_id: provider.clientId,
  client_secret: provider.clientSecret,
  redirect_uri: '/callback',
  session: { secret: randomBytes(32).toString('base64url') },
  // The default, written here to be seen: without it a session goes on without an access token.
  renew_access_token_on_expiry: true,
  security_profile: 'oauth2.1'
})

// Reload after half a minute: the provider was asked once for the login, and again for each renewal. The session stays.
app.get('/', async ({ oidc }) => ({ user: oidc.claims.sub, session: oidc.sessionId, provider: `asked for tokens ${provider.count('POST /token')} times, for a sign-in ${provider.count('GET /auth')} times` }))

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
