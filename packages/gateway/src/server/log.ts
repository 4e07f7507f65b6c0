import type { FastifyRequest, FastifyServerOptions } from 'fastify'
import type { DestinationStream } from 'pino'

const SECRET_HEADERS = ['cookie', 'set-cookie', 'authorization', 'proxy-authorization', 'x-access-token', 'x-id-token', 'x-raw-id-token', 'x-userinfo', 'x-refresh-token', 'x-forwarded-access-token']
const SECRET_NAMES = ['client_secret', 'secret', 'access_token', 'refresh_token', 'id_token', 'code', 'state', 'password', 'token']

const SECRET_PATHS = [
  ...SECRET_HEADERS.flatMap(name => [`headers["${name}"]`, `*.headers["${name}"]`, `["${name}"]`]),
  ...SECRET_NAMES.filter(name => name !== 'code').flatMap(name => [`${name}`, `*.${name}`])
]

/** Fastify's own: what they have is a number, or made by a serializer that takes no secret in. */
const PLAIN = ['reqId', 'req', 'res', 'responseTime']

/** Of these names pino asks for a value in place of theirs, and does not look for `*.secret` in each of them, which is a tenth of what a request costs. */
function censor (value: unknown, [name = '']: string[]): unknown {
  return PLAIN.includes(name) ? value : '[redacted]'
}

const withoutQuery = (url: unknown): unknown => typeof url === 'string' ? url.replace(/[?#].*$/s, '') : url

/** Codes and states arrive in queries, and what else does there is the callers' business. */
function describeRequest (request: FastifyRequest): Record<string, unknown> {
  return {
    method: request.method,
    path: withoutQuery(request.url),
    host: request.host,
    remoteAddress: request.ip
  }
}

function describeAnswer ({ statusCode }: { readonly statusCode: number }): Record<string, unknown> {
  return { statusCode }
}

/** The log: JSON lines, no queries, no credentials. */
export function loggerOptions (level: string, stream: DestinationStream | undefined): NonNullable<Exclude<FastifyServerOptions['logger'], boolean>> {
  return {
    level,
    redact: { paths: [...SECRET_PATHS, ...PLAIN], censor },
    serializers: { req: describeRequest, res: describeAnswer, source: withoutQuery, url: withoutQuery },
    ...(stream === undefined ? {} : { stream })
  }
}
