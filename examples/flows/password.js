// The password grant (RFC 6749, section 4.3), and the refresh token that comes with it: the client knows the user's password,
// and does without it afterwards. Or it sends both to the API with each request, which exchanges them itself, as its own
// client at the provider. OAuth 2.1 has left this grant out: use it for clients of your own, while you have to.
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import { createTestProvider } from 'fastify-oidc-testing'
import { askForTokens, call, callByPassword } from './calls.js'

const API = 'https://api.example.test'
const mobile = { client_id: 'mobile-app', client_secret: 'the secret of the mobile app', grant_types: ['password', 'refresh_token'], response_types: [], redirect_uris: [] }
const api = { client_id: API, client_secret: 'the secret of the API', grant_types: ['password'], response_types: [], redirect_uris: [] }
const provider = await createTestProvider({ resource: API, clients: [mobile, api] })

const app = Fastify()
await app.register(oidc, {
  discovery: provider.discovery,
  client_id: API,
  client_secret: api.client_secret,
  scope: 'openid read',
  bearer_only: true,
  use_jwks: true,
  claim_validator: { audience: { match_with_client_id: true } },
  security_profile: 'oauth2.1'
})
app.get('/reports', { config: { oidc: { required_scopes: ['read'] } } }, async request => ({ user: request.oidc.claims.sub, client: request.oidc.claims.client_id }))
app.get('/archive', { config: { oidc: { auth_methods: ['password'], required_scopes: ['read'] } } }, async request => ({ user: request.oidc.claims.sub, client: request.oidc.claims.client_id }))
const origin = await app.listen({ host: '127.0.0.1', port: 0 })

const first = await askForTokens(provider, mobile, { grant_type: 'password', username: 'alice', password: 'any', scope: 'openid read' })
await call('with the token of the password', `${origin}/reports`, first.access_token)

const second = await askForTokens(provider, mobile, { grant_type: 'refresh_token', refresh_token: first.refresh_token })
await call('with the token of the refresh token', `${origin}/reports`, second.access_token)

await call('with the refresh token itself', `${origin}/reports`, second.refresh_token)
await askForTokens(provider, mobile, { grant_type: 'password', username: 'mallory', password: 'any' }).catch(error => console.log(error.message))

await callByPassword('with the name and the password, which the API exchanges', `${origin}/archive`, 'alice', 'any')
await callByPassword('again', `${origin}/archive`, 'alice', 'any')
await callByPassword('of nobody', `${origin}/archive`, 'mallory', 'any')
console.log(`the provider was asked for ${provider.count('POST /token')} tokens`)

await app.close()
await provider.close()
