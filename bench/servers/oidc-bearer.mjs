// fastify-oidc with bearer tokens alone, and its proxy.
import fastify from 'fastify'
import oidc from 'fastify-oidc'
import proxy from 'fastify-oidc-proxy'
import { announce, settings } from '../announce.mjs'

const app = fastify()
await app.register(oidc, {
  ...settings.options,
  security_profile: 'oauth2.1',
  bearer_only: true,
  claim_validator: { audience: { match_with_client_id: true } }
})
await app.register(proxy, { upstream: settings.upstream })
announce(await app.listen({ host: '127.0.0.1', port: 0 }))
