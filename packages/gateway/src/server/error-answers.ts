import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorPageFor, sendPage, shownId, type ShownError } from 'fastify-oidc'
import { BadGatewayError, GatewayTimeoutError } from 'fastify-oidc-proxy'
import { hostCloseness, hostMatches, hostOf } from '../configuration/hosts.ts'
import { RequestFailedError, UnreadableRequestError } from '../errors.ts'
import type { MountedCore } from './scopes.ts'

/** Answers with the gateway's own errors: a page for who looks at one, else JSON; both with the id that the log lines have. */
export interface ErrorAnswers {
  answer (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void
  /** Before a route was looked for. */
  unreadable (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void
}

type Look = Pick<MountedCore, 'oidc' | 'hosts' | 'hasEndpoints'>

const isOurs = ({ code }: FastifyError): boolean => String(code).startsWith('FST_OIDC_')

/** The proxy has logged them, with cause and remedy. */
const isToldOf = (error: FastifyError): boolean => error instanceof BadGatewayError || error instanceof GatewayTimeoutError

function statusOf ({ statusCode }: FastifyError): number {
  return statusCode !== undefined && STATUS_CODES[statusCode] !== undefined && statusCode >= 400 ? statusCode : 500
}

/** What anybody may read of an error: of one that is not ours its status, and its code and text where the request was at fault. */
function show (error: FastifyError, status: number): ShownError {
  const { code, message } = isOurs(error) || status < 500 ? error : new RequestFailedError()
  return { status, code: code ?? 'FST_OIDC_GATEWAY_REQUEST_FAILED', message }
}

/** How close a login is to a host; negative: it is not of that host. */
const closenessTo = (host: string, { hosts }: Look): number =>
  Math.max(-1, ...hosts.filter(pattern => hostMatches(pattern, host)).map(hostCloseness))

/** Whose pages a request gets: of the route's login, else of the login of its host that has pages of its own, else of the closest; null: the host has none. */
function lookFor (request: FastifyRequest, cores: readonly Look[]): Look | null {
  const { server } = request
  const own = server.hasDecorator('oidc') ? cores.find(({ oidc }) => oidc === server.oidc) : undefined
  if (own !== undefined) return own
  const { headers } = request.raw
  const host = hostOf(headers.host ?? headers[':authority'] as string | undefined)
  const [closest] = cores
    .map(core => ({ core, closeness: closenessTo(host, core) }))
    .filter(({ closeness }) => closeness >= 0)
    .sort((a, b) => Number(b.core.hasEndpoints) - Number(a.core.hasEndpoints) || b.closeness - a.closeness)
  return closest?.core ?? null
}

function log (request: FastifyRequest, error: FastifyError, { status, code, message }: ShownError): void {
  if (isToldOf(error)) return
  if (status >= 500) request.log.error({ oidc: 'gateway.failed', code, err: error }, 'request failed')
  else request.log.info({ oidc: 'gateway.refused', code }, message)
}

/** `cores`: those that stand, and will. */
export function createErrorAnswers (cores: readonly Look[]): ErrorAnswers {
  function send (request: FastifyRequest, reply: FastifyReply, shown: ShownError): void {
    const look = lookFor(request, cores)
    const page = look === null ? errorPageFor(request, shown) : look.oidc.errorPage(request, shown)
    reply.code(shown.status).header('cache-control', 'no-store')
    if (page !== null) sendPage(reply, page)
    else reply.send({ statusCode: shown.status, code: shown.code, error: STATUS_CODES[shown.status], message: shown.message, requestId: shownId(request) })
  }

  return {
    answer (error, request, reply) {
      const shown = show(error, statusOf(error))
      log(request, error, shown)
      send(request, reply, shown)
    },
    // Fastify's own text repeats the path.
    unreadable (error, request, reply) {
      const shown = show(new UnreadableRequestError(), statusOf(error))
      log(request, error, shown)
      send(request, reply, shown)
    }
  }
}
