import Fastify from 'fastify'
import oidc from 'fastify-oidc'

const app = Fastify({ logger: true })

await app.register(oidc, {
  discovery: '$ENV://OIDC_DISCOVERY',
  client_id: '$ENV://OIDC_CLIENT_ID',
  client_secret: '$ENV://OIDC_CLIENT_SECRET',
  session: { secret: '$ENV://SESSION_SECRET' },
  scope: 'openid profile read',
  redirect_uri: '/callback',
  post_logout_redirect_uri: '/',
  security_profile: 'oauth2.1'
})

// Public: nobody is asked who they are, and no cookie is read.
app.get('/about', { config: { oidc: false } }, async () => 'about us\n')

// Optional: whoever is logged in is known, and nobody is sent away.
app.get('/', { config: { oidc: { unauth_action: 'pass' } } }, async request => {
  return request.oidc.authenticated ? `Welcome back, ${request.oidc.claims.sub}\n` : 'Welcome. Log in at /account\n'
})

// A page: who is not logged in goes to the provider and comes back.
app.get('/account', async request => ({ claims: request.oidc.claims, scopes: request.oidc.scopes }))

// An API: who is not logged in gets 401, who lacks the scope gets 403.
app.get('/api/reports', { config: { oidc: { unauth_action: 'deny', required_scopes: ['read'] } } }, async () => [{ id: 1 }])
app.post('/api/reports', { config: { oidc: { unauth_action: 'deny', required_scopes: ['write'] } } }, async () => ({ created: true }))

// A whole group of routes under one rule.
await app.register(async admin => {
  admin.addHook('onRequest', app.oidc.guard({ unauth_action: 'deny', required_scopes: ['admin'] }))
  admin.get('/', async () => 'the back office\n')
}, { prefix: '/admin' })

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
