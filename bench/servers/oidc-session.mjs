// fastify-oidc with sessions, and its proxy.
import fastify from 'fastify'
import oidc from 'fastify-oidc'
import proxy from 'fastify-oidc-proxy'
import { announce, settings } from '../announce.mjs'

const app = fastify()
await app.register(oidc, settings.options)
app.get('/session-size', async ({ oidc: { accessToken, idToken, claims, userinfo, scopes } }) => {
  return { bytes: Buffer.byteLength(JSON.stringify({ accessToken, idToken, claims, userinfo, scopes })) }
})
await app.register(proxy, { upstream: settings.upstream })
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
