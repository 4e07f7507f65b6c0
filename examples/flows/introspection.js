// Introspection (RFC 7662): the tokens say nothing to the API, which asks the provider what they are; once for each token.
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'
import { askForTokens, call } from './calls.js'

const API = 'https://api.example.test'
const onlyIntrospects = { grant_types: [], response_types: [], redirect_uris: [] }
const api = { client_id: API, client_secret: 'the secret of the API', ...onlyIntrospects }
const job = { client_id: 'nightly-job', client_secret: 'the secret of the nightly job', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }
const provider = await createTestProvider({ resource: API, tokenFormat: 'opaque', clients: [api, job] })

const app = Fastify()
await app.register(oidc, {
  discovery: provider.discovery,
  client_id: provider.clientId,
  client_secret: provider.clientSecret,
  // Without public_key and use_jwks, the provider is asked.
  bearer_only: true,
  claim_validator: { audience: { match_with_client_id: true } },
  security_profile: 'oauth2.1'
})
app.get('/reports', { config: { oidc: { required_scopes: ['read'] } } }, async request => ({ client: request.oidc.claims.client_id, scopes: request.oidc.scopes }))
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

const { access_token: token } = await askForTokens(provider, job, { grant_type: 'client_credentials', scope: 'read' })
await call('without a token', `${origin}/reports`)
await call('with one', `${origin}/reports`, token)
await call('again', `${origin}/reports`, token)
console.log(`the provider was asked ${provider.count('POST /token/introspection')} time about it`)
await call('with one that the provider does not know', `${origin}/reports`, 'made-up')

await app.close()
await provider.close()
