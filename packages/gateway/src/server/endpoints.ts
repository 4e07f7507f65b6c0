import type { FastifyInstance } from 'fastify'
import forwardAuth, { type ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { markRoutes } from './route-place.ts'

/** Puts the endpoints of OAuth2 Proxy over the core of the scope. */
export async function mountEndpoints (scope: FastifyInstance, options: ForwardAuthOptions): Promise<void> {
  await scope.register(async inner => {
    markRoutes(inner, 'endpoints')
    await inner.register(forwardAuth, options)
  })
}
