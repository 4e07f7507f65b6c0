import { constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders as Http2Headers, type OutgoingHttpHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { errors } from 'undici'
import { breakOff } from './exchange.ts'
import type { Answered, Client, UpstreamRequest } from './transport.ts'

const { HTTP2_HEADER_AUTHORITY: AUTHORITY, HTTP2_HEADER_METHOD: METHOD, HTTP2_HEADER_PATH: PATH, HTTP2_HEADER_STATUS: STATUS, NGHTTP2_CANCEL: CANCEL, NGHTTP2_NO_ERROR: NO_ERROR } = constants

/** Times without any sign of life on a stream; 0 is none. */
export interface StreamTimeouts {
  readonly headersMs: number
  readonly bodyMs: number
}

function requestHeaders ({ method, path, headers }: UpstreamRequest): OutgoingHttpHeaders {
  const sent: OutgoingHttpHeaders = { [METHOD]: method, [PATH]: path, [AUTHORITY]: headers.host }
  for (const name in headers) {
    if (name !== 'host' && headers[name] !== undefined) sent[name] = headers[name]
  }
  return sent
}

function answerHeaders (received: Http2Headers): Http2Headers {
  const headers: Http2Headers = {}
  for (const name in received) {
    if (!name.startsWith(':')) headers[name] = received[name]
  }
  return headers
}

/** Not `pipeline`: it would destroy the client's connection with the stream, and the client could not be told. */
function sendBody (body: Readable, stream: ClientHttp2Stream): void {
  body.pipe(stream)
  body.once('error', error => { stream.destroy(error) })
  stream.once('close', () => { body.unpipe(stream) })
}

/** Node ends a stream that was reset or cut off as if it were whole, when the code is CANCEL; it must not look so to the client. */
function exposeBreak (stream: ClientHttp2Stream, client: Client | undefined): void {
  stream.once('end', () => {
    if (stream.rstCode !== NO_ERROR && client !== undefined) breakOff(client)
  })
}

/** A session that fails wraps its reason. */
function reasonOf (error: Error): Error {
  return error.cause instanceof Error ? error.cause : error
}

/**
 * One request and its answer on a stream of its own.
 * @throws what Node says of headers that HTTP/2 cannot carry
 */
export function exchange (session: ClientHttp2Session, request: UpstreamRequest, timeouts: StreamTimeouts, answered: Answered): ClientHttp2Stream {
  const { signal } = request
  const body = request.body instanceof Readable ? request.body : null
  const stream = session.request(requestHeaders(request), { endStream: body === null })
  let isAnswered = false
  function settle (error: Error): void {
    if (isAnswered) return
    isAnswered = true
    answered(reasonOf(error))
  }
  stream.on('error', settle)
  stream.once('close', () => { settle(new errors.SocketError('the stream was closed before an answer')) })
  stream.setTimeout(timeouts.headersMs)
  stream.on('timeout', () => {
    settle(new errors.HeadersTimeoutError())
    stream.close(CANCEL)
  })
  signal?.once('abort', () => {
    settle(new errors.RequestAbortedError())
    stream.close(CANCEL)
  })
  stream.once('response', headers => {
    if (isAnswered) return
    isAnswered = true
    stream.setTimeout(timeouts.bodyMs)
    exposeBreak(stream, signal)
    answered(null, { statusCode: Number(headers[STATUS]), headers: answerHeaders(headers), body: stream })
  })
  if (body !== null) sendBody(body, stream)
  return stream
}
