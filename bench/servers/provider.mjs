// The provider that sessions and tokens come from. Its access tokens are JWTs, unless the settings say otherwise.
import { createTestProvider } from 'fastify-oidc-testing'
import { announce, settings } from '../announce.mjs'

const { issuer, discovery, clientId, clientSecret } = await createTestProvider({
  autoLogin: 'alice',
  users: {
    alice: { name: 'Alice Example', preferred_username: 'alice', email: 'alice@example.test', email_verified: true, groups: ['users', 'engineering', 'on-call', 'reports-read', 'reports-write'] }
  },
  resource: 'https://api.example.test',
  ttl: { accessToken: 7200 },
  ...settings
})
announce(issuer, { issuer, options: { discovery, client_id: clientId, client_secret: clientSecret } })
