import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyOidc } from 'fastify-oidc'
import { BadRequestError } from './errors.ts'
import { clientIsGone, kUpstream, type ProxiedRequest } from './exchange.ts'
import { abandon } from './failure.ts'
import { namedByConnection } from './header-names.ts'
import type { Http1Agent } from './http1-agent.ts'
import { Passage, type PassageRoom } from './passage.ts'
import type { Patience } from './patience.ts'
import type { HeaderRules } from './stock.ts'

/** Sends a request on to this path of its upstream, and the answer back. */
export type Forwarder = (request: FastifyRequest, reply: FastifyReply, path: string) => void

/** The query as it came, with its question mark. */
function queryOf (url: string): string {
  const at = url.indexOf('?')
  return at === -1 ? '' : url.slice(at)
}

/** Makes the forwarder that goes from the request to the raw response: no stream, and no hook after the handler but `onResponse`. */
export function createForwarder (agent: Http1Agent, core: FastifyOidc, patience: Patience, { requestHeaders, responseHeaders }: HeaderRules): Forwarder {
  const room: PassageRoom = { core, responseHeaders, patience }
  return (request, reply, path) => {
    const proxied = request as ProxiedRequest
    const { raw } = proxied
    const origin = proxied[kUpstream]
    if (clientIsGone(reply)) return abandon(reply, origin)
    // No path has a fragment (RFC 9112, section 3.2): what is behind it had no part in the choice of the route.
    if (path.includes('#')) throw new BadRequestError()
    const { body } = proxied
    agent.dispatch({
      origin,
      path: path + queryOf(raw.url as string),
      method: raw.method as 'GET',
      headers: requestHeaders(proxied, raw.headers, namedByConnection(raw.headers.connection)) as string[],
      body: body instanceof Readable ? body : null,
      // The passage sees to them.
      headersTimeout: 0,
      bodyTimeout: 0
    }, new Passage(room, proxied, reply))
  }
}
