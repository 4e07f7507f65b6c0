import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import proxy from 'fastify-oidc-proxy'

// Stands for a service that knows nothing of OpenID Connect. It reads a header, and believes it.
const service = Fastify()
service.get('/whoami', async ({ headers }) => JSON.parse(Buffer.from(headers['x-userinfo'] ?? 'bnVsbA==', 'base64').toString()))
service.get('/events', async (request, reply) => {
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
  const timer = setInterval(() => { reply.raw.write(`data: ${new Date().toISOString()}\n\n`) }, 1000)
  reply.raw.on('close', () => { clearInterval(timer) })
})
service.get('/health', async () => 'ok\n')
const upstream = await service.listen({ host: '127.0.0.1', port: 0 })

const app = Fastify({ logger: true, forceCloseConnections: true })

await app.register(oidc, {
  discovery: '$ENV://OIDC_DISCOVERY',
  client_id: '$ENV://OIDC_CLIENT_ID',
  client_secret: '$ENV://OIDC_CLIENT_SECRET',
  session: { secret: '$ENV://SESSION_SECRET' },
  redirect_uri: '/callback',
  post_logout_redirect_uri: '/',
  security_profile: 'oauth2.1'
})

// The service under /app: who is not logged in goes to the provider and comes back.
await app.register(proxy, { upstream, prefix: '/app' })

// The same service under /api: who is not logged in gets 401.
await app.register(proxy, { upstream, prefix: '/api', oidc: { unauth_action: 'deny' } })

// One path of it, open to everyone.
await app.register(proxy, { upstream, routes: ['/health'], methods: ['GET'], oidc: false })

app.addHook('onClose', async () => { await service.close() })

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 3000) })
