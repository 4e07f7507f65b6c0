import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import forwardAuth from 'fastify-oidc-forward-auth'

/** An application that shows each page there is, at a free port: sign-in, sign-out, and errors 403 (`/admin`), 404 (`/none`) and 503 (`/reports`). */
export async function servePages (endpoints) {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(oidc, {
    // Nobody answers there: that is the 503.
    discovery: 'http://127.0.0.1:9/.well-known/openid-configuration',
    client_id: 'app',
    client_secret: 'secret',
    redirect_uri: '/oauth2/callback',
    security_profile: 'oauth2.1',
    session: { secret: 'a secret that is at least 32 characters long' }
  })
  await app.register(forwardAuth, endpoints)
  app.get('/admin', { config: { oidc: { required_scopes: ['admin'] } } }, async () => 'in')
  app.get('/reports', async () => 'in')
  app.get('/none', { config: { oidc: false } }, async (request, reply) => {
    const page = app.oidc.errorPage(request, { status: 404, code: 'FST_OIDC_GATEWAY_ROUTE_NOT_FOUND', message: 'No route leads there' })
    return await reply.code(404).headers(page?.headers ?? {}).send(page?.body)
  })
  return { app, address: await app.listen({ port: 0 }) }
}
