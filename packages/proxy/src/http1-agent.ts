import { Agent, buildConnector, Pool, type Dispatcher } from 'undici'
import type { ProxySettings } from './options.ts'
import { canBeAskedFor, hostOf, tlsSettings } from './tls.ts'
import { inMs, type Answered, type Transport, type UpstreamRequest } from './transport.ts'

/** undici takes an address for a name, and the Host header where there is none. */
function createConnector (settings: ProxySettings): buildConnector.connector {
  const connect = buildConnector({ ...tlsSettings(settings), socketPath: settings.unix_socket ?? null, timeout: inMs(settings.connect_timeout) })
  return (options, callback) => { connect(canBeAskedFor(options.servername ?? '') ? options : { ...options, servername: '' }, callback) }
}

function createAgent (settings: ProxySettings): Agent {
  const options = {
    connect: createConnector(settings),
    connections: settings.max_connections === 0 ? null : settings.max_connections,
    headersTimeout: inMs(settings.headers_timeout),
    bodyTimeout: inMs(settings.body_timeout),
    keepAliveTimeout: inMs(settings.keepalive_timeout),
    // An upstream's hint may shorten the time, not stretch it.
    keepAliveMaxTimeout: inMs(settings.keepalive_timeout)
  }
  return new Agent({ factory: origin => new Pool(origin, options) })
}

/** Speaks HTTP/1.1 to upstreams. */
export class Http1Agent implements Transport {
  readonly #agent: Agent
  readonly #fixedName: string | undefined
  readonly #names = new Map<string, string>()

  constructor (settings: ProxySettings) {
    this.#agent = createAgent(settings)
    this.#fixedName = settings.server_name
  }

  send (request: UpstreamRequest, answered: Answered): void {
    if (request.origin.startsWith('https:')) request.servername = this.#nameOf(request.origin)
    this.#agent.request(request, answered)
  }

  /** Tells the handler alone what comes of it. */
  dispatch (request: Dispatcher.DispatchOptions & { servername?: string }, handler: Dispatcher.DispatchHandler): void {
    const origin = request.origin as string
    if (origin.startsWith('https:')) request.servername = this.#nameOf(origin)
    this.#agent.dispatch(request, handler)
  }

  async destroy (): Promise<void> {
    await this.#agent.destroy()
  }

  /** Always the same for an origin, whatever `Host` the client sent: undici connects anew for another. */
  #nameOf (origin: string): string {
    const known = this.#names.get(origin)
    if (known !== undefined) return known
    const name = this.#fixedName ?? hostOf(origin)
    this.#names.set(origin, name)
    return name
  }
}
