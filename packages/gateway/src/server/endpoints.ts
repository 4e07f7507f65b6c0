import type { FastifyInstance } from 'fastify'
import forwardAuth, { type ForwardAuthOptions } from 'fastify-oidc-forward-auth'
import { formatPath } from 'fastify-oidc-session-store'
import type { GatewayCore } from '../configuration/cores.ts'
import { markRoutes } from './route-place.ts'

const NARROWER = 'whoever passes one of the routes passes there: require it of all of them, or narrow each question, as /oauth2/auth?allowed_groups=staff does'

/** Puts the endpoints of OAuth2 Proxy over the core of the scope. */
export async function mountEndpoints (scope: FastifyInstance, options: ForwardAuthOptions, { routes, unasked }: Pick<GatewayCore, 'routes' | 'unasked'>): Promise<void> {
  if (unasked.length > 0) {
    const places = routes.map(({ route }) => formatPath(route.place)).join(', ')
    scope.log.warn({ oidc: 'endpoints.rules', options: unasked }, `${options.prefix ?? '/oauth2'}/auth asks for what all routes of its login require alike, and not for ${unasked.join(', ')}, which ${places} do not say alike; ${NARROWER}`)
  }
  await scope.register(async inner => {
    markRoutes(inner, 'endpoints')
    await inner.register(forwardAuth, options)
  })
}
