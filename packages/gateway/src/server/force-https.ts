import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify'
import { hostOf } from '../configuration/hosts.ts'
import { InsecureRequestError } from '../errors.ts'

const pathOf = (url: string): string => url.split('?', 1).join('')

/** Sends plain requests to https, before anything else looks at them. `exempt`: paths of probes, which come past the proxy. */
export function forceHttps (exempt: ReadonlySet<string>): onRequestHookHandler {
  return function redirectPlain (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void {
    if (request.protocol.toLowerCase() === 'https' || exempt.has(pathOf(request.url))) return done()
    const host = hostOf(request.host)
    // A target that is no path would run into the host.
    if (host === '' || !request.url.startsWith('/')) return done(new InsecureRequestError())
    reply.code(308).header('cache-control', 'no-store').header('location', `https://${host}${request.url}`).send()
  }
}
