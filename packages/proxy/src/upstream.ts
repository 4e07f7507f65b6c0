import type { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import { isIP } from 'node:net'
import { Agent, buildConnector, H2CClient, Pool, type Dispatcher } from 'undici'
import { clientIsGone, kReply } from './exchange.ts'
import { abandon, fail } from './failure.ts'
import type { ProxySettings } from './options.ts'
import type { UpstreamHeaders } from './request-headers.ts'

/** How @fastify/reply-from takes an answer. */
type Answered = (error: Error | null, answer: Dispatcher.ResponseData) => void

/** A request as @fastify/reply-from hands it over. */
export interface UpstreamRequest extends Omit<Dispatcher.RequestOptions, 'headers'> {
  readonly origin: string
  readonly headers: UpstreamHeaders
  /** Missing in undici's types: the name for TLS. */
  servername?: string | undefined
}

/** undici wants whole milliseconds. */
function inMs (seconds: number): number {
  return Math.round(seconds * 1000)
}

/** TLS settings towards the upstream, as Node calls them. */
export function tlsOptions ({ ssl_verify: verify, ca, client_cert: cert, client_key: key }: ProxySettings): { rejectUnauthorized: boolean, ca?: string[], cert?: string, key?: string } {
  return { rejectUnauthorized: verify, ...(ca === undefined ? {} : { ca: [ca].flat() }), cert, key }
}

/** The name to ask a certificate for: fixed, whatever `Host` the client sent. */
export function serverName (origin: string, fixed: string | undefined): string {
  return fixed ?? new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')
}

/** undici takes an IP address for a name, and falls back to the Host header without one; TLS knows no names that are addresses. */
function createConnector (settings: ProxySettings): buildConnector.connector {
  const connect = buildConnector({ ...tlsOptions(settings), timeout: inMs(settings.connect_timeout), allowH2: settings.http2 })
  return (options, callback) => { connect(isIP(options.servername ?? '') === 0 ? options : { ...options, servername: '' }, callback) }
}

function createAgent (settings: ProxySettings): Agent {
  const { http2, max_connections: connections } = settings
  const timeout = inMs(settings.connect_timeout)
  const options = {
    headersTimeout: inMs(settings.headers_timeout),
    bodyTimeout: inMs(settings.body_timeout),
    keepAliveTimeout: inMs(settings.keepalive_timeout),
    // An upstream's hint may shorten the time, not stretch it.
    keepAliveMaxTimeout: inMs(settings.keepalive_timeout)
  }
  const pooled = { ...options, connect: createConnector(settings), allowH2: http2, connections: connections === 0 ? null : connections }
  return new Agent({
    factory: origin => http2 && new URL(origin).protocol === 'http:'
      ? new H2CClient(origin, { ...options, connect: { timeout } })
      : new Pool(origin, pooled)
  })
}

/** The listener on a reply's stream: what the upstream is still doing is for nobody. `abort` is what undici listens to. */
function emitAbort (this: ServerResponse & Partial<Pick<Http2ServerResponse, 'stream'>>): void {
  const finished = this.stream === undefined ? this.writableFinished : !this.stream.aborted
  if (!finished) this.emit('abort')
}

/** Sends requests upstream. It stands where @fastify/reply-from takes an undici dispatcher. */
export class Upstream {
  readonly #agent: Agent
  readonly #serverNames = new Map<string, string>()
  readonly #fixedName: string | undefined

  constructor (settings: ProxySettings) {
    this.#agent = createAgent(settings)
    this.#fixedName = settings.server_name
  }

  /** Answers through the callback; failures are answered to the client here, where their cause is still known. */
  request (request: UpstreamRequest, answered: Answered): void {
    const reply = request.headers[kReply]
    if (reply === undefined) throw new TypeError('a request without a reply')
    if (clientIsGone(reply)) return abandon(reply, request.origin)
    reply.raw.once('close', emitAbort)
    request.signal = reply.raw
    request.servername = this.#serverNameOf(request.origin)
    this.#agent.request(request, (error, answer) => {
      if (error === null) answered(null, answer)
      else fail(reply, request.origin, error)
    })
  }

  destroy (): Promise<void> {
    return this.#agent.destroy()
  }

  #serverNameOf (origin: string): string | undefined {
    if (origin.startsWith('http:')) return undefined
    const known = this.#serverNames.get(origin)
    if (known !== undefined) return known
    const name = serverName(origin, this.#fixedName)
    this.#serverNames.set(origin, name)
    return name
  }
}
