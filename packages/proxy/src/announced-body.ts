import type { Http2ServerRequest } from 'node:http2'
import type { FastifyRequest, preParsingHookHandler } from 'fastify'

/** Whether the client of this HTTP/2 request has more to say than its headers. */
export function hasHttp2Body ({ raw }: FastifyRequest): boolean {
  return raw.httpVersionMajor === 2 && (raw as unknown as Http2ServerRequest).stream?.endAfterHeaders === false
}

/** Fastify tells by the headers of HTTP/1.1 whether there is a body, and over HTTP/2 it needs none of them: without this it would be lost. */
export const announceBody: preParsingHookHandler = (request, _reply, payload, done) => {
  if (hasHttp2Body(request) && request.headers['content-length'] === undefined) request.headers['transfer-encoding'] = 'chunked'
  done(null, payload)
}
