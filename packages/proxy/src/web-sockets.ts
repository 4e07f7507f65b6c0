import { validateHeaderValue, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import type { FastifyOidc } from 'fastify-oidc'
import { WebSocket, type ClientOptions, type ServerOptions } from 'ws'
import { kUpstream, type ProxiedRequest } from './exchange.ts'
import { logFailure } from './failure.ts'
import { namedByConnection } from './header-names.ts'
import type { ProxySettings } from './options.ts'
import { recordOf, type RequestHeaders } from './request-headers.ts'
import { hasSession } from './session-end.ts'
import { tlsSettings } from './tls.ts'
import { inMs } from './transport.ts'

/** Policy violation (RFC 6455, section 7.4.1). */
const SESSION_ENDED = 1008
const INTERNAL_ERROR = 1011
/** Seconds that a client has for its part of the closing handshake. */
const CLOSE_TIMEOUT_MS = 5000

/** Bytes that wait for a side that does not read, before the other is not read either. */
const MAX_WAITING = 1024 * 1024

type Send = (data: Parameters<WebSocket['send']>[0], options: Parameters<WebSocket['send']>[1]) => void

/** Reads from one side only as fast as the other takes it: all else would be held here. */
function holdBack (from: WebSocket, to: WebSocket): void {
  const send = to.send.bind(to)
  const slowly: Send = (data, options) => {
    send(data, options, error => { if (from.isPaused && (error instanceof Error || to.bufferedAmount <= MAX_WAITING)) from.resume() })
    if (to.readyState === WebSocket.OPEN && to.bufferedAmount > MAX_WAITING) from.pause()
  }
  to.send = slowly as WebSocket['send']
  to.once('close', () => { from.resume() })
}

/** The side of a WebSocket that the client is on. */
class ClientSide extends WebSocket {
  /** Errors are told in the log alone: their text names addresses, and may be longer than a close frame. */
  override close (code?: number, reason?: string | Buffer): void {
    super.close(code, code === INTERNAL_ERROR && typeof reason === 'string' ? 'The upstream cannot be reached' : reason)
  }
}

/** One client, and its upstream. */
interface Link {
  readonly request: ProxiedRequest
  ended: boolean
  /** Why nothing can be sent upstream. */
  failure: Error | null
  sides: readonly WebSocket[]
}

function close (link: Link): void {
  for (const side of link.sides) side.close(SESSION_ENDED, 'The session ended')
}

/** What @fastify/http-proxy is told about WebSockets. */
export interface WebSocketOptions {
  readonly wsClientOptions: ClientOptions & { rewriteRequestHeaders (headers: unknown, request: ProxiedRequest): IncomingHttpHeaders }
  readonly wsServerOptions: ServerOptions
  readonly wsHooks: { onConnect (context: unknown, source: WebSocket, target: WebSocket): void }
}

/** The client's headers without those of its own handshake. */
function receivedHeaders ({ raw }: ProxiedRequest): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (const name in raw.headers) {
    if (!name.startsWith('sec-websocket-')) headers[name] = raw.headers[name]
  }
  return headers
}

function upgradeHeaders (request: ProxiedRequest, requestHeaders: RequestHeaders): IncomingHttpHeaders {
  const headers = recordOf(requestHeaders(request, receivedHeaders(request), namedByConnection(request.raw.headers.connection)))
  headers.host ??= new URL(request[kUpstream]).host
  for (const name in headers) validateHeaderValue(name, headers[name] as string)
  return headers
}

function watchFailure (target: WebSocket, upstream: string, log: FastifyBaseLogger): void {
  target.on('error', error => { logFailure(log, upstream, error) })
  target.on('unexpected-response', (request: ClientRequest, response: IncomingMessage) => {
    log.warn({ oidc: 'proxy.websocket.refused', upstream, status: response.statusCode }, 'the upstream refused a WebSocket')
    request.destroy()
  })
}

function socketSettings ({ unix_socket: path }: ProxySettings): ClientOptions {
  return path === undefined ? {} : { createConnection: () => connect({ path }) }
}

/**
 * Makes what @fastify/http-proxy needs to pass WebSockets on: the headers of the upgrade, and the end with the
 * session. The upgrade itself went through the guard, as any request does.
 */
export function createWebSocketOptions (settings: ProxySettings, core: FastifyOidc, requestHeaders: RequestHeaders): WebSocketOptions {
  const links = new WeakMap<WebSocket, Link>()
  /** Between two calls that follow each other at once: http-proxy makes the target right after its headers. */
  let next: Link | null = null

  function begin (_headers: unknown, request: ProxiedRequest): IncomingHttpHeaders {
    const link: Link = { request, ended: false, failure: null, sides: [] }
    if (hasSession(request.oidc)) {
      request.raw.socket.once('close', core.onSessionEnd(request, () => {
        link.ended = true
        close(link)
      }))
    }
    next = link
    try {
      return upgradeHeaders(request, requestHeaders)
    } catch (error) {
      // The client's side is open by now: thrown, this would leave it open for ever, with nobody behind it.
      link.failure = error as Error
      return {}
    }
  }

  function finishRequest (request: ClientRequest, target: WebSocket): void {
    if (next !== null) {
      links.set(target, next)
      watchFailure(target, next.request[kUpstream], next.request.log)
    }
    const failure = next?.failure ?? null
    next = null
    if (failure === null) request.end()
    else request.destroy(failure)
  }

  function onConnect (_context: unknown, source: WebSocket, target: WebSocket): void {
    const link = links.get(target)
    if (link === undefined) return source.close(INTERNAL_ERROR)
    link.sides = [target, source]
    holdBack(source, target)
    holdBack(target, source)
    if (link.ended) close(link)
  }

  const limits = { closeTimeout: CLOSE_TIMEOUT_MS, ...(settings.max_body === undefined ? {} : { maxPayload: settings.max_body }) }
  return {
    wsClientOptions: { ...tlsSettings(settings), ...socketSettings(settings), ...limits, perMessageDeflate: false, handshakeTimeout: inMs(settings.connect_timeout), finishRequest, rewriteRequestHeaders: begin },
    wsServerOptions: { ...limits, WebSocket: ClientSide },
    wsHooks: { onConnect }
  }
}
