import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RoutePolicy } from 'fastify-oidc'
import type { GatewayRoute } from '../configuration/routes.ts'
import { formatUri } from '../configuration/uri.ts'
import { hostConstraint } from './host-constraint.ts'

/** Serves files below a folder: what follows the route's path is the path in it. An exact path is its index.html. */
export async function mountFolder (scope: FastifyInstance, route: GatewayRoute, root: string, policy: RoutePolicy | false): Promise<void> {
  // Loaded where a folder is served: few gateways do, and all start.
  const { default: fastifyStatic } = await import('@fastify/static')
  await scope.register(fastifyStatic, { root, serve: false, dotfiles: 'ignore', redirect: true, cacheControl: false })
  const cacheControl = policy === false ? 'public, max-age=0' : 'private, no-cache'
  for (const uri of route.uris) {
    scope.route({
      method: [...route.methods ?? []],
      url: formatUri(uri),
      constraints: { host: hostConstraint(route.hosts, route.priority) },
      config: { oidc: policy },
      handler (request: FastifyRequest, reply: FastifyReply) {
        const rest = uri.kind === 'exact' ? 'index.html' : (request.params as Readonly<Record<'*', string>>)['*']
        return reply.header('cache-control', cacheControl).sendFile(`/${rest}`)
      }
    })
  }
}
