import Fastify from 'fastify'
import oidc from 'fastify-oidc'

const app = Fastify({ logger: true })

await app.register(oidc, {
  discovery: '$ENV://OIDC_DISCOVERY',
  client_id: '$ENV://OIDC_CLIENT_ID',
  client_secret: '$ENV://OIDC_CLIENT_SECRET',
  session: { secret: '$ENV://SESSION_SECRET' },
  redirect_uri: '/callback',
  post_logout_redirect_uri: '/',
  security_profile: 'oauth2.1'
})

app.get('/', async request => `Hello ${request.oidc.claims.sub}\n`)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
