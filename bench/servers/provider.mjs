// The provider that the sessions come from: JWT access tokens of 1.1 KB, ID tokens of the same size.
import { createTestProvider } from 'fastify-oidc-testing'
import { announce, settings } from '../announce.mjs'

const { issuer, discovery, clientId, clientSecret } = await createTestProvider({
  autoLogin: 'alice',
  resource: 'https://api.example.test',
  tokenSize: settings.tokenSize,
  ttl: { accessToken: 7200 }
})
announce(issuer, { options: { discovery, client_id: clientId, client_secret: clientSecret } })
