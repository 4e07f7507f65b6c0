import type { FastifyRequest } from 'fastify'

function rawQuery ({ originalUrl }: FastifyRequest): string {
  const at = originalUrl.indexOf('?')
  return at < 0 ? '' : originalUrl.slice(at + 1)
}

export function queryOf (request: FastifyRequest): URLSearchParams {
  return new URLSearchParams(rawQuery(request))
}

/** A form; null: the body is none. */
function formOf ({ body }: FastifyRequest): URLSearchParams | null {
  return typeof body === 'string' ? new URLSearchParams(body) : null
}

/** Of a form that was sent; null: it is not in there, or there is none. */
export function formParameter (request: FastifyRequest, name: string): string | null {
  return formOf(request)?.get(name) ?? null
}

/** nginx writes `?rd=https://$http_host$request_uri` without escaping it: what follows a bare question mark belongs to the address, as it is. */
function redirectInQuery (query: string): string | null {
  const [value = ''] = query.startsWith('rd=') ? query.slice(3).split('&', 1) : []
  return value.includes('?') ? query.slice(3) : new URLSearchParams(query).get('rd')
}

/** Where the caller wants to go, `rd`: the body goes before the query; null: it does not say. */
export function redirectParameter (request: FastifyRequest): string | null {
  return formOf(request)?.get('rd') ?? redirectInQuery(rawQuery(request))
}

/** Of a list that may be repeated and has commas in it. */
export function listParameter (query: URLSearchParams, name: string): string[] {
  return query.getAll(name).flatMap(value => value.split(',')).filter(item => item !== '')
}
