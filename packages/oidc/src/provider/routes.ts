import { isIPv6 } from 'node:net'
import { Agent, DecoratorHandler, errors, ProxyAgent, type Dispatcher } from 'undici'
import type { ResolvedOptions } from '../options/schema.ts'
import type { ClientCertificate } from '../options/tls-client-auth-options.ts'

/** Forward proxies, as the options name them. */
export type ForwardProxy = NonNullable<ResolvedOptions['proxy_opts']>

/** By their names in lower case. */
type Named = Record<string, string>

/** The way of one request. */
export interface Route {
  readonly dispatcher: Dispatcher
  /** What the request has to say on this way, and what it must not. */
  addressed (headers: Readonly<Named>): Named
}

/** Ways to the provider: directly, or through a proxy. The environment's proxies are not used. */
export interface Routes {
  routeTo (url: string): Route
  close (): Promise<void>
}

export interface RoutesOptions {
  /** Seconds. */
  readonly timeout: number
  readonly sslVerify: boolean
  readonly proxy: ForwardProxy | undefined
  /** Shown to the provider, never to a proxy. */
  readonly certificate: ClientCertificate | null
}

interface Limits {
  readonly connections: number
  readonly headersTimeout: number
  readonly bodyTimeout: number
}

const bareHost = (host: string): string => isIPv6(host.replace(/^\[|\]$/g, '')) ? host.replace(/^\[|\]$/g, '') : host

/** Hosts of `no_proxy`: names also stand for what is below them, `*` for everything. */
export function createExemption (noProxy: string | undefined): (host: string) => boolean {
  const entries = (noProxy ?? '').toLowerCase().split(/[\s,]+/).filter(entry => entry !== '').map(entry => entry === '*' ? entry : bareHost(entry.replace(/^\*?\./, '')))
  return host => entries.some(entry => entry === '*' || bareHost(host) === entry || host.endsWith(`.${entry}`))
}

type ResponseStart = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>

interface Decorated extends Dispatcher.DispatchHandler {
  onResponseStart (...start: ResponseStart): void
}

// undici's types leave out what the class has.
const Decorator = DecoratorHandler as unknown as new (handler: Dispatcher.DispatchHandler) => Decorated

/** A 407 is no answer of the provider's. */
class ProxyAnswer extends Decorator {
  override onResponseStart (...start: ResponseStart): void {
    const [controller, status] = start
    if (status === 407) controller.abort(new errors.RequestAbortedError('Proxy response (407): it wants to know who asks'))
    else super.onResponseStart(...start)
  }
}

/** Without it undici takes the host from the connection, which is the proxy's. */
function withHost (headers: Dispatcher.DispatchOptions['headers'], host: string): Dispatcher.DispatchOptions['headers'] {
  return Array.isArray(headers) ? [...headers, 'host', host] : { ...headers as Record<string, string>, host }
}

/** RFC 9112, section 3.2.2: a proxy is asked for the whole URL. undici's own agent refuses a request that brings Proxy-Authorization. */
function inAbsoluteForm (agent: Agent, proxy: string): Dispatcher {
  return agent.compose(dispatch => (options, handler) => {
    const target = new URL(String(options.origin))
    return dispatch({ ...options, origin: proxy, path: `${target.origin}${options.path}`, headers: withHost(options.headers, target.host) }, new ProxyAnswer(handler))
  })
}

function throughHttpProxy (agent: Agent, proxy: string, authorization: string | undefined): Route {
  return {
    dispatcher: inAbsoluteForm(agent, new URL(proxy).origin),
    addressed: headers => ({ ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }), ...headers })
  }
}

function throughTunnel (agent: ProxyAgent): Route {
  return {
    dispatcher: agent,
    // It would go through the tunnel, and tell the provider what is the proxy's.
    addressed: ({ 'proxy-authorization': _tokenOfTheProxy, ...headers }) => headers
  }
}

function createTunnelAgent (proxy: ForwardProxy, { timeout, sslVerify, certificate }: RoutesOptions, limits: Limits): ProxyAgent | null {
  if (proxy.https_proxy === undefined) return null
  const token = proxy.https_proxy_authorization
  return new ProxyAgent({
    ...limits,
    uri: proxy.https_proxy,
    proxyTls: { timeout: timeout * 1000 },
    requestTls: { ...certificate, rejectUnauthorized: sslVerify, timeout: timeout * 1000 },
    ...(token === undefined ? {} : { token })
  })
}

/** Agents of its own per instance: nothing here changes TLS or proxies for the rest of the process. */
export function createRoutes (options: RoutesOptions): Routes {
  const { timeout, sslVerify, proxy = {}, certificate } = options
  const limits = { connections: 16, headersTimeout: timeout * 1000, bodyTimeout: timeout * 1000 }
  const agent = new Agent({ ...limits, connect: { ...certificate, rejectUnauthorized: sslVerify, timeout: timeout * 1000 } })
  // Another agent, so that ssl_verify, which is about the provider, does not hold for a proxy.
  const proxyAgent = proxy.http_proxy === undefined ? null : new Agent({ ...limits, connect: { timeout: timeout * 1000 } })
  const tunnelAgent = createTunnelAgent(proxy, options, limits)
  const isExempt = createExemption(proxy.no_proxy)
  const direct: Route = { dispatcher: agent, addressed: headers => ({ ...headers }) }
  const plain = proxyAgent === null || proxy.http_proxy === undefined ? null : throughHttpProxy(proxyAgent, proxy.http_proxy, proxy.http_proxy_authorization)
  const tunnel = tunnelAgent === null ? null : throughTunnel(tunnelAgent)
  return {
    routeTo (target) {
      const url = new URL(target)
      if (isExempt(url.hostname.toLowerCase())) return direct
      return (url.protocol === 'https:' ? tunnel : plain) ?? direct
    },
    close: async () => { await Promise.all([agent, proxyAgent, tunnelAgent].map(async each => await each?.destroy())) }
  }
}
