import type { Http2ServerRequest } from 'node:http2'
import type { FastifyRequest, preParsingHookHandler } from 'fastify'
import { errors } from 'undici'

/** Whether the client of this HTTP/2 request has more to say than its headers. */
export function hasHttp2Body ({ raw }: FastifyRequest): boolean {
  return raw.httpVersionMajor === 2 && (raw as unknown as Http2ServerRequest).stream?.endAfterHeaders === false
}

function nothing (): void {}

/** Node ends the body of a stream that is reset as if it were whole, and an upstream would take the half of it for all. */
function breakWithStream (raw: Http2ServerRequest): void {
  const { stream } = raw
  // Nobody may read it yet, or any more.
  raw.on('error', nothing)
  raw.once('aborted', () => {
    // Behind what Node does with the stream, and before the stream ends.
    process.nextTick(() => {
      raw.destroy(new errors.RequestAbortedError())
      // It closes when somebody has read what it has.
      stream.resume()
    })
  })
}

/** Fastify tells by the headers of HTTP/1.1 whether there is a body, and over HTTP/2 it needs none of them: without this it would be lost. */
export const announceBody: preParsingHookHandler = (request, _reply, payload, done) => {
  if (hasHttp2Body(request)) {
    if (request.headers['content-length'] === undefined) request.headers['transfer-encoding'] = 'chunked'
    breakWithStream(request.raw as unknown as Http2ServerRequest)
  }
  done(null, payload)
}
