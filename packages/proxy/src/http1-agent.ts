import { Agent, buildConnector, Pool, type Client, type Dispatcher } from 'undici'
import { Lanes, type Traveller } from './lanes.ts'
import type { ProxySettings } from './options.ts'
import { canBeAskedFor, hostOf, tlsSettings } from './tls.ts'
import { inMs, type Answered, type Transport, type UpstreamRequest } from './transport.ts'

/** undici takes an address for a name, and the Host header where there is none. */
function createConnector (settings: ProxySettings): buildConnector.connector {
  const connect = buildConnector({ ...tlsSettings(settings), socketPath: settings.unix_socket ?? null, timeout: inMs(settings.connect_timeout) })
  return (options, callback) => { connect(canBeAskedFor(options.servername ?? '') ? options : { ...options, servername: '' }, callback) }
}

function connectionOptions (settings: ProxySettings): Client.Options {
  return {
    connect: createConnector(settings),
    headersTimeout: inMs(settings.headers_timeout),
    bodyTimeout: inMs(settings.body_timeout),
    keepAliveTimeout: inMs(settings.keepalive_timeout),
    // An upstream's hint may shorten the time, not stretch it.
    keepAliveMaxTimeout: inMs(settings.keepalive_timeout)
  }
}

/** Speaks HTTP/1.1 to upstreams. */
export class Http1Agent implements Transport {
  /** For the stock forwarder. */
  readonly #agent: Agent
  readonly #options: Client.Options
  readonly #most: number
  readonly #lanes = new Map<string, Lanes>()
  readonly #fixedName: string | undefined
  readonly #names = new Map<string, string>()

  constructor (settings: ProxySettings) {
    this.#options = connectionOptions(settings)
    this.#most = settings.max_connections === 0 ? Infinity : settings.max_connections
    this.#agent = new Agent({ factory: origin => new Pool(origin, { ...this.#options, connections: settings.max_connections === 0 ? null : settings.max_connections }) })
    this.#fixedName = settings.server_name
  }

  send (request: UpstreamRequest, answered: Answered): void {
    if (request.origin.startsWith('https:')) request.servername = this.#nameOf(request.origin)
    this.#agent.request(request, answered)
  }

  /** Tells the traveller alone what comes of it. */
  dispatch (request: Dispatcher.DispatchOptions & { servername?: string }, traveller: Traveller): void {
    const origin = request.origin as string
    if (origin.startsWith('https:')) request.servername = this.#nameOf(origin)
    this.#lanesTo(origin).dispatch(request, traveller)
  }

  async destroy (): Promise<void> {
    await Promise.all([this.#agent, ...this.#lanes.values()].map(async each => { await each.destroy() }))
  }

  #lanesTo (origin: string): Lanes {
    const known = this.#lanes.get(origin)
    if (known !== undefined) return known
    const lanes = new Lanes(origin, this.#options, this.#most)
    this.#lanes.set(origin, lanes)
    return lanes
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
