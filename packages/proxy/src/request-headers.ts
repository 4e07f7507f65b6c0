import type { IncomingHttpHeaders } from 'node:http'
import type { OwnCookies } from 'fastify-oidc'
import type { ProxiedRequest } from './exchange.ts'
import { createVerdicts } from './header-names.ts'
import type { ProxySettings } from './options.ts'

/** Names and values by turns, as undici takes them. A value is a list where a client repeated what Node keeps apart. */
export type HeaderList = Array<string | string[]>

/** Makes the headers that an upstream gets from those that the client sent, less those that its Connection names. */
export type RequestHeaders = (request: ProxiedRequest, received: IncomingHttpHeaders, named: readonly string[]) => HeaderList

/** The same by name. */
export function recordOf (list: HeaderList): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (let index = 0; index < list.length; index += 2) headers[list[index] as string] = list[index + 1] as string
  return headers
}

/** Puts a header in the place of one of this name, if there is one. */
function replace (list: HeaderList, name: string, value: string): void {
  for (let index = 0; index < list.length; index += 2) {
    if (list[index] === name) {
      list[index + 1] = value
      return
    }
  }
  list.push(name, value)
}

/** The port that a caller sees. Most requests are for the host of the one before. */
function createPort (): (request: ProxiedRequest, host: string, protocol: string) => string {
  let lastHost: string | null = null
  let lastPort: number | null = null
  return (request, host, protocol) => {
    if (host !== lastHost) {
      lastHost = host
      lastPort = request.port
    }
    return String(lastPort ?? (protocol === 'https' ? 443 : 80))
  }
}

/** Adds where the request came from, as Fastify's `trustProxy` sees it. `ips` is what trusted proxies vouch for. */
function createForwarded (): (list: HeaderList, request: ProxiedRequest, ips: readonly string[] | undefined) => void {
  const portOf = createPort()
  return (list, request, ips) => {
    const { protocol, host } = request
    const ip = ips === undefined ? request.ip : ips.at(-1)
    // A Unix socket has no address.
    if (ip !== undefined) list.push('x-forwarded-for', ips === undefined || ips.length === 1 ? ip : ips.toReversed().join(', '), 'x-real-ip', ip)
    list.push('x-forwarded-proto', protocol, 'x-forwarded-host', host, 'x-forwarded-port', portOf(request, host, protocol))
  }
}

/** Undefined is the upstream's own. */
function createHost ({ pass_host: passHost, upstream_host: fixed }: ProxySettings): (request: ProxiedRequest) => string | undefined {
  switch (passHost) {
    case 'pass': return request => request.headers.host ?? request.headers[':authority'] as string | undefined
    case 'node': return () => undefined
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
  const addForwarded = createForwarded()
  const { add_headers: more } = settings
  return (request, received, named) => {
    const list: HeaderList = []
    const ips = request.ips
    const vouched = ips !== undefined && ips.length > 1
    const host = hostOf(request)
    if (host !== undefined) list.push('host', host)
    for (const name in received) {
      const verdict = verdictOn(name)
      if (verdict === 'drop' || (verdict === 'vouched' && !vouched) || (named.length > 0 && named.includes(name))) continue
      const value = verdict === 'cookie' ? cookies.strip(received[name] as string) : received[name]
      if (value !== undefined) list.push(name, value)
    }
    addForwarded(list, request, ips)
    const identity = request.oidc.identityHeaders
    for (const name in identity) {
      if (received[name] === undefined) list.push(name, identity[name] as string)
      else replace(list, name, identity[name] as string)
    }
    if (more !== undefined) {
      const added = more(request)
      for (const name in added) replace(list, name, added[name] as string)
    }
    return list
  }
}
