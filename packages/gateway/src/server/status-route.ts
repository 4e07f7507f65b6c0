import { STATUS_CODES } from 'node:http'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { RoutePolicy } from 'fastify-oidc'
import { METHODS } from '../configuration/methods.ts'
import type { GatewayRoute } from '../configuration/routes.ts'
import { formatUri } from '../configuration/uri.ts'
import { hostConstraint } from './host-constraint.ts'

/** Answers a route's requests with a status, and nothing that they sent is read. */
export function mountStatus (scope: FastifyInstance, route: GatewayRoute, status: number, policy: RoutePolicy | false): void {
  const body = `${STATUS_CODES[status] ?? String(status)}\n`
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, payload, done) => {
    payload.resume()
    done(null)
  })
  for (const uri of route.uris) {
    scope.route({
      method: [...route.methods ?? METHODS],
      url: formatUri(uri),
      constraints: { host: hostConstraint(route.hosts, route.priority) },
      config: { oidc: policy },
      handler: async (_request, reply: FastifyReply) => await reply.code(status).header('cache-control', 'no-store').type('text/plain; charset=utf-8').send(body)
    })
  }
}
