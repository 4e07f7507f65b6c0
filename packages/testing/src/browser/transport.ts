import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { FastifyInstance, InjectOptions } from 'fastify'

export interface WireRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

export interface WireResponse {
  readonly status: number
  readonly headers: Headers
  readonly body: string
}

/** How a request reaches a server. */
export type Transport = (request: WireRequest) => Promise<WireResponse>

function toHeaders (raw: IncomingHttpHeaders | OutgoingHttpHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) headers.append(name, String(one))
    }
  }
  return headers
}

/** What browsers take of a response's headers; Node's own limit is 16 KB, which a large session is above. */
const MAX_HEADER_BYTES = 256 * 1024

/** Over a socket of its own, so that no idle connection keeps a server from closing. fetch() would overwrite `Sec-Fetch-Mode`. */
export function networkTransport (ca: string | Buffer | undefined): Transport {
  return async ({ method, url, headers, body }) => await new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(url, { method, headers, agent: false, maxHeaderSize: MAX_HEADER_BYTES, ...(ca === undefined ? {} : { ca }) }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: toHeaders(response.headers), body: Buffer.concat(chunks).toString() })
      })
    })
    request.on('error', reject)
    request.end(body ?? undefined)
  })
}

/** Through `app.inject()`. There is no TLS in it: for an https origin the app learns the scheme from `X-Forwarded-Proto`, if it trusts its proxy. */
export function injectTransport (app: FastifyInstance): Transport {
  return async ({ method, url, headers, body }) => {
    const scheme = url.protocol === 'https:' ? { 'x-forwarded-proto': 'https' } : {}
    const response = await app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url: `${url.pathname}${url.search}`,
      headers: { host: url.host, ...scheme, ...headers },
      ...(body === null ? {} : { payload: body })
    })
    return { status: response.statusCode, headers: toHeaders(response.headers), body: response.body }
  }
}
