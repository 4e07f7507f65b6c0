// Client credentials (RFC 6749, section 4.4): a program calls an API in its own name. The API verifies the tokens by the
// provider's published keys, and asks the provider about none of them. A program that cannot ask for a token brings its
// secret instead, to a route that exchanges it.
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'
import { askForTokens, call, callByPassword } from './calls.js'

const API = 'https://api.example.test'
const job = { client_id: 'nightly-job', client_secret: 'the secret of the nightly job', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }
const provider = await createTestProvider({ resource: API, clients: [job] })

const app = Fastify()
await app.register(oidc, {
  discovery: provider.discovery,
  client_id: API,
  scope: 'openid read',
  bearer_only: true,
  use_jwks: true,
  claim_validator: { audience: { match_with_client_id: true } },
  security_profile: 'oauth2.1'
})
app.get('/reports', { config: { oidc: { required_scopes: ['read'] } } }, async request => ({ client: request.oidc.claims.client_id, scopes: request.oidc.scopes }))
app.get('/settings', { config: { oidc: { required_scopes: ['write'] } } }, async () => ({}))
app.get('/jobs', { config: { oidc: { auth_methods: ['client_credentials'], required_scopes: ['read'] } } }, async request => ({ client: request.oidc.claims.client_id }))
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

const { access_token: token } = await askForTokens(provider, job, { grant_type: 'client_credentials', scope: 'read' })
await call('without a token', `${origin}/reports`)
await call('with one', `${origin}/reports`, token)
await call('again', `${origin}/reports`, token)
await call('where it has not the scope', `${origin}/settings`, token)
await call('cut short', `${origin}/reports`, token.slice(0, -8))
await callByPassword('with the secret itself, which the API exchanges', `${origin}/jobs`, job.client_id, job.client_secret)
await callByPassword('again', `${origin}/jobs`, job.client_id, job.client_secret)
await callByPassword('with a wrong one', `${origin}/jobs`, job.client_id, 'a guess')
console.log(`the provider was asked for ${provider.count('POST /token')} tokens`)
console.log(`the provider's keys were asked for ${provider.count('GET /jwks')} time`)

await app.close()
await provider.close()
