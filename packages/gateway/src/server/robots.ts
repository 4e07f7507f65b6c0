import type { FastifyInstance, FastifyReply } from 'fastify'
import { ANY_HOST } from '../configuration/hosts.ts'
import { hostConstraint } from './host-constraint.ts'
import { kPlace } from './route-place.ts'

/** Tells crawlers what they may read (RFC 9309), on every host, where no route is for the path. */
export function addRobots (app: FastifyInstance, path: string, text: string): void {
  app.route({
    method: ['GET', 'HEAD'],
    url: path,
    constraints: { host: hostConstraint([ANY_HOST], -Infinity) },
    config: { [kPlace]: 'robots' },
    handler: async (_request, reply: FastifyReply) => await reply.type('text/plain; charset=utf-8').send(text)
  })
}
