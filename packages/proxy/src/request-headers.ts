import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { OwnCookies } from 'fastify-oidc'
import { kReply, type ProxiedRequest } from './exchange.ts'
import { createVerdicts } from './header-names.ts'
import type { ProxySettings } from './options.ts'

/** Headers for the upstream. The reply goes with them, so that the dispatcher knows whom it works for. */
export interface UpstreamHeaders extends IncomingHttpHeaders {
  [kReply]?: FastifyReply
}

/** Makes the headers that an upstream gets from those that the client sent. */
export type RequestHeaders = (request: ProxiedRequest, received: IncomingHttpHeaders) => UpstreamHeaders

/** Adds where the request came from, as Fastify's `trustProxy` sees it. `ips` is what trusted proxies vouch for. */
function addForwarded (headers: UpstreamHeaders, request: ProxiedRequest, ips: readonly string[] | undefined): void {
  const { protocol, host } = request
  const ip = ips === undefined ? request.ip : ips.at(-1)
  // A Unix socket has no address.
  if (ip !== undefined) {
    headers['x-forwarded-for'] = ips === undefined || ips.length === 1 ? ip : ips.toReversed().join(', ')
    headers['x-real-ip'] = ip
  }
  headers['x-forwarded-proto'] = protocol
  headers['x-forwarded-host'] = host
  headers['x-forwarded-port'] = String(request.port ?? (protocol === 'https' ? 443 : 80))
}

function createHost ({ pass_host: passHost, upstream_host: fixed }: ProxySettings): (request: ProxiedRequest, own: string | undefined) => string | undefined {
  switch (passHost) {
    case 'pass': return request => request.headers.host ?? request.headers[':authority'] as string | undefined
    case 'node': return (_request, own) => own
    case 'rewrite': return () => fixed
  }
}

/**
 * Makes the function that a request's headers go through. The core's guard has removed forged identity headers
 * before; those of `request.oidc.identityHeaders` come last and win.
 */
export function createRequestHeaders (settings: ProxySettings, cookies: OwnCookies): RequestHeaders {
  const verdictOn = createVerdicts()
  const hostOf = createHost(settings)
  const { add_headers: more } = settings
  return (request, received) => {
    const headers: UpstreamHeaders = {}
    const ips = request.ips
    const vouched = ips !== undefined && ips.length > 1
    for (const name in received) {
      const verdict = verdictOn(name)
      if (verdict === 'pass' || (verdict === 'vouched' && vouched)) headers[name] = received[name]
    }
    headers.host = hostOf(request, received.host)
    if (headers.cookie !== undefined) headers.cookie = cookies.strip(headers.cookie)
    addForwarded(headers, request, ips)
    const identity = request.oidc.identityHeaders
    for (const name in identity) headers[name] = identity[name]
    if (more !== undefined) Object.assign(headers, more(request))
    headers[kReply] = request[kReply]
    return headers
  }
}
