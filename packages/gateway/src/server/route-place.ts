import type { FastifyInstance } from 'fastify'

/** Where a route stands in the file, such as `routes[0]`, or whose it is. */
export const kPlace: unique symbol = Symbol('fastify-oidc-gateway.place')

declare module 'fastify' {
  interface FastifyContextConfig {
    [kPlace]?: string
  }
}

/** Marks every route that the scope gets from now on; an inner scope's mark wins. */
export function markRoutes (scope: FastifyInstance, place: string): void {
  scope.addHook('onRoute', route => { route.config = { ...route.config, [kPlace]: place } })
}
