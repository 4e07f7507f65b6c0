import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'

const app = Fastify({ logger: true })

await app.register(oidc, {
  discovery: '$ENV://OIDC_DISCOVERY',
  client_id: '$ENV://OIDC_CLIENT_ID',
  client_secret: '$ENV://OIDC_CLIENT_SECRET',
  session: { secret: '$ENV://SESSION_SECRET' },
  redirect_uri: '/callback',
  security_profile: 'oauth2.1',
  consumer: {
    claims: ['sub'],
    optional: true,
    list: [
      { username: 'gold', custom_id: 'alice', tags: ['gold'] },
      { username: 'silver', custom_id: 'bob', tags: ['silver'] }
    ]
  }
})

// After fastify-oidc, so that its hook knows who asks: one counter for each person, however many addresses they have.
// Each kind of key has a name of its own: who is called like an address does not use up the requests of that address.
await app.register(rateLimit, {
  timeWindow: '1 minute',
  max: request => request.oidc.consumer?.tags.includes('gold') ? 5 : 2,
  keyGenerator: ({ oidc, ip }) => oidc.credential === null ? `address ${ip}` : `person ${oidc.credential.id}`
})

app.get('/', async ({ oidc }) => `Hello ${oidc.consumer?.username ?? oidc.user}\n`)

// Nobody has to log in here, and strangers share the counter of their address.
app.get('/public', { config: { oidc: { unauth_action: 'pass' } } }, async () => 'Hello\n')

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
