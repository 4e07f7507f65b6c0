import auth from '@fastify/auth'
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
    list: [{ username: 'Yoda', custom_id: 'alice', groups: ['jedi'] }]
  }
})
await app.register(auth)

function refuse () {
  throw Object.assign(new Error('You may not see this'), { statusCode: 403 })
}

const isJedi = async ({ oidc }) => { if (!oidc.consumer?.groups.includes('jedi')) refuse() }
const isOwner = async ({ oidc, params }) => { if (oidc.user !== params.user) refuse() }

// Who somebody is was found out before: these say what each of them may do, one or the other.
app.get('/holocrons/:user', { preHandler: app.auth([isJedi, isOwner]) }, async ({ params }) => `the holocron of ${params.user}\n`)
app.get('/council', { preHandler: app.auth([isJedi]) }, async ({ oidc }) => `welcome, ${oidc.consumer.username}\n`)

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
