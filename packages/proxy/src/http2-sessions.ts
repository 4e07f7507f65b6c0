import { connect, constants, type ClientHttp2Session } from 'node:http2'
import { errors } from 'undici'
import { clientIsGone, kReply } from './exchange.ts'
import { exchange } from './http2-exchange.ts'
import type { ProxySettings } from './options.ts'
import { tlsSettings } from './tls.ts'
import { inMs, type Answered, type Transport, type UpstreamRequest } from './transport.ts'

/** What is reckoned with until the upstream has said how many streams it takes (RFC 9113, section 6.5.2 recommends no less). */
const ASSUMED_STREAMS = 100
/** A client that reads slowly holds its stream's window; the connection's is wide enough for the others. */
const STREAM_WINDOW = 256 * 1024
const CONNECTION_WINDOW = ASSUMED_STREAMS * STREAM_WINDOW

interface Waiting {
  readonly request: UpstreamRequest
  readonly answered: Answered
}

/** One connection, and what is under way on it. */
interface Connection {
  readonly session: ClientHttp2Session
  /** Streams that the upstream takes at a time; null until it has said so: it refuses those that come too early. */
  limit: number | null
  open: number
  waiting: readonly Waiting[]
  failure: Error | null
}

function hasRoom ({ limit, open, waiting }: Connection): boolean {
  return open + waiting.length < (limit ?? ASSUMED_STREAMS)
}

/** Speaks HTTP/2 to upstreams: by ALPN over TLS, else with prior knowledge. */
export class Http2Sessions implements Transport {
  readonly #settings: ProxySettings
  readonly #connections = new Map<string, readonly Connection[]>()

  constructor (settings: ProxySettings) {
    this.#settings = settings
  }

  send (request: UpstreamRequest, answered: Answered): void {
    const connection = this.#pick(request.origin)
    if (connection.limit === null) connection.waiting = [...connection.waiting, { request, answered }]
    else this.#begin(connection, request, answered)
  }

  async destroy (): Promise<void> {
    for (const connections of this.#connections.values()) {
      for (const { session } of connections) session.destroy()
    }
  }

  #begin (connection: Connection, request: UpstreamRequest, answered: Answered): void {
    const { headers_timeout: headers, body_timeout: body } = this.#settings
    try {
      const stream = exchange(connection.session, request, { headersMs: inMs(headers), bodyMs: inMs(body) }, answered)
      connection.open++
      stream.once('close', () => { connection.open-- })
    } catch (error) {
      answered(new errors.InvalidArgumentError(String(error)))
    }
  }

  #pick (origin: string): Connection {
    const { max_connections: max } = this.#settings
    const usable = (this.#connections.get(origin) ?? []).filter(({ session }) => !session.closed && !session.destroyed)
    const roomy = usable.find(hasRoom)
    if (roomy !== undefined) return roomy
    const [first, ...others] = usable
    // Node holds back what is too much for a connection until there is room.
    if (first !== undefined && max > 0 && usable.length >= max) return others.reduce((least, other) => other.open < least.open ? other : least, first)
    const connection = this.#connect(origin)
    this.#connections.set(origin, [...usable, connection])
    return connection
  }

  #connect (origin: string): Connection {
    const session = connect(origin, { ...tlsSettings(this.#settings), settings: { enablePush: false, initialWindowSize: STREAM_WINDOW } })
    const connection: Connection = { session, limit: null, open: 0, waiting: [], failure: null }
    const timer = setTimeout(() => { session.destroy(new errors.ConnectTimeoutError(), constants.NGHTTP2_CANCEL) }, inMs(this.#settings.connect_timeout))
    session.once('connect', () => { session.setLocalWindowSize(CONNECTION_WINDOW) })
    session.on('remoteSettings', ({ maxConcurrentStreams }) => {
      clearTimeout(timer)
      connection.limit = maxConcurrentStreams ?? ASSUMED_STREAMS
      this.#letGo(connection)
    })
    session.on('error', error => { connection.failure = error })
    session.once('close', () => {
      clearTimeout(timer)
      this.#forget(origin, connection)
    })
    session.setTimeout(inMs(this.#settings.keepalive_timeout), () => { if (connection.open === 0 && connection.limit !== null) session.close() })
    return connection
  }

  /** Sends what waited for the upstream's settings. */
  #letGo (connection: Connection): void {
    const { waiting } = connection
    connection.waiting = []
    for (const { request, answered } of waiting) {
      const reply = request.headers[kReply]
      if (reply !== undefined && clientIsGone(reply)) answered(new errors.RequestAbortedError())
      else this.send(request, answered)
    }
  }

  #forget (origin: string, connection: Connection): void {
    const left = (this.#connections.get(origin) ?? []).filter(other => other !== connection)
    if (left.length === 0) this.#connections.delete(origin)
    else this.#connections.set(origin, left)
    const { waiting, failure } = connection
    connection.waiting = []
    for (const { answered } of waiting) answered(failure ?? new errors.SocketError('the connection was closed before it stood'))
  }
}
