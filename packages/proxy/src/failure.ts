import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import { clientIsGone } from './exchange.ts'
import { BadGatewayError, BadRequestError, BodyTooLargeError, GatewayTimeoutError } from './errors.ts'

const TIMEOUTS: ReadonlySet<string> = new Set(['ETIMEDOUT', 'UND_ERR_BODY_TIMEOUT', 'UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT'])

/** What undici throws when it will not put a request on the wire. */
const UNSENDABLE: ReadonlySet<string> = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'])

const REMEDIES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at the upstream: start it, or correct its address',
  ENOENT: 'the socket of the upstream does not exist: start the upstream, or correct the path',
  EACCES: 'the socket of the upstream may not be opened: give this user the right to',
  ENOTFOUND: 'the name of the upstream does not resolve: correct it, or the resolver',
  EAI_AGAIN: 'the name of the upstream does not resolve now: look at the resolver',
  EHOSTUNREACH: 'there is no route to the upstream: look at the network',
  ENETUNREACH: 'there is no route to the upstream: look at the network',
  ETIMEDOUT: 'the upstream does not answer: look at the network',
  UND_ERR_CONNECT_TIMEOUT: 'the upstream took no connection within connect_timeout: look at the network, or raise it',
  UND_ERR_HEADERS_TIMEOUT: 'the upstream sent nothing within headers_timeout: make it faster, or raise it',
  UND_ERR_HEADERS_OVERFLOW: 'the upstream sent more headers than Node takes: start Node with --max-http-header-size',
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the upstream does not speak HTTP/2: set http2 to false',
  ERR_HTTP2_ERROR: 'the upstream does not speak HTTP/2: set http2 to false',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate of the upstream is for another name: set server_name',
  CERT_HAS_EXPIRED: 'the certificate of the upstream has expired: renew it'
}

const UNTRUSTED: ReadonlySet<string> = new Set(['DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'])

function codeOf (cause: Error): string {
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

function remedy (code: string): string {
  if (UNTRUSTED.has(code)) return 'nobody vouches for the certificate of the upstream: set ca'
  return REMEDIES[code] ?? 'the upstream broke the connection, or does not speak HTTP: look at its log'
}

/** An error for the log: parsers hang on theirs what they could not read, and that may be somebody's page or cookie. */
function loggable ({ name, message, stack, cause }: Error, code: string): Error {
  const shown = new Error(message, cause instanceof Error ? { cause: loggable(cause, codeOf(cause)) } : {})
  return Object.assign(shown, { name, stack }, code === '' ? {} : { code })
}

/** One log line on an upstream that failed: the one place where the cause is told. */
export function logFailure (log: FastifyBaseLogger, upstream: string, cause: Error): void {
  const code = codeOf(cause)
  log.error({ oidc: 'proxy.failed', upstream, err: loggable(cause, code) }, remedy(code))
}

function errorFor (code: string): Error {
  if (TIMEOUTS.has(code)) return new GatewayTimeoutError()
  return new BadGatewayError()
}

function answer (reply: FastifyReply, error: Error): void {
  const { raw } = reply.request
  // The rest of an upload would be taken for the next request of the connection.
  if (raw.httpVersionMajor === 1 && !raw.complete) reply.header('connection', 'close')
  reply.header('cache-control', 'no-store').send(error)
}

/** Ends a request whose client went away. */
export function abandon (reply: FastifyReply, upstream: string): void {
  reply.request.log.debug({ oidc: 'proxy.abandoned', upstream }, 'the client went away')
  reply.hijack()
}

/** Answers a request that the upstream did not: 502, 504, or 400 and 413 where the client is at fault. */
export function fail (reply: FastifyReply, upstream: string, cause: Error): void {
  const { log } = reply.request
  const code = codeOf(cause)
  if (clientIsGone(reply)) return abandon(reply, upstream)
  if (cause instanceof BodyTooLargeError) return answer(reply, cause)
  if (UNSENDABLE.has(code)) {
    log.info({ oidc: 'proxy.refused', upstream, err: loggable(cause, code) }, 'the request cannot be passed on')
    return answer(reply, new BadRequestError())
  }
  logFailure(log, upstream, cause)
  const error = errorFor(code)
  error.cause = cause
  answer(reply, error)
}
