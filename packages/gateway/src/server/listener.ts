import { createServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyServerFactory } from 'fastify'
import type { TlsMaterial } from '../configuration/tls-files.ts'
import { continueWhenRead } from './continue.ts'
import { createUploadWatch } from './upload-watch.ts'

interface ListenerOptions {
  readonly maxHeaderSize: number
  readonly tls: TlsMaterial | null
  /** Seconds that a body may pause; null: for ever. */
  readonly bodyTimeout: number | null
}

/** The gateway's server, and its connections. */
export interface Listener {
  readonly factory: FastifyServerFactory
  /** Shows another certificate to connections from now on. */
  secure (tls: TlsMaterial): void
  /** Ends each connection as soon as nothing is under way on it. */
  drain (): void
  /** Ends every connection at once. */
  cut (): void
}

const IDLE_CHECK_MS = 100
/** A request may be on its way over a connection that looks idle: it is answered, and its answer ends the connection. */
const GRACE_MS = 300
const KEEP_ALIVE_MS = 72_000
const HEADERS_MS = 60_000
/** A large upload may take its time, as long as it goes on. Node takes the limit of headers from this unless it is told. */
const NO_LIMIT_MS = 0
const TIME_LIMITS = { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: NO_LIMIT_MS }

/** Node's own words for a request that takes too long. */
const tooLate = (): Error => Object.assign(new Error('the body of the request does not come'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })

/** Limits how long bodies are waited for, and asks for those that wait to be asked for. */
function limitBodies (server: Server | Http2SecureServer, handler: RequestListener, bodyTimeout: number | null): void {
  const uploads = bodyTimeout === null
    ? null
    : createUploadWatch({
      idleMs: bodyTimeout * 1000,
      onIdle (socket, canAnswer) {
        if (canAnswer) server.emit('clientError', tooLate(), socket)
        else socket.destroy()
      }
    })
  const begin: RequestListener = uploads === null ? () => {} : uploads.begin
  server.on('request', (request, response) => {
    begin(request, response)
    handler(request, response)
  })
  server.on('checkContinue', continueWhenRead(handler, begin))
  server.once('close', () => { uploads?.close() })
}

function createTlsServer (tls: TlsMaterial, maxHeaderSize: number): Http2SecureServer {
  const server = createSecureServer({
    allowHTTP1: true,
    cert: tls.cert,
    key: tls.key,
    minVersion: tls.minVersion,
    settings: { maxHeaderListSize: maxHeaderSize }
  })
  // HTTP/1.1 on this server reads these from here; its options have none.
  return Object.assign(server, { maxHeaderSize, ...TIME_LIMITS })
}

/** Makes the server: plain HTTP/1.1, or with TLS also HTTP/2. */
export function createListener (options: ListenerOptions): Listener {
  const sockets = new Set<Socket>()
  const sessions = new Set<ServerHttp2Session>()
  let server: Server | Http2SecureServer | null = null
  const silent = new WeakSet<Socket>()
  let idleCheck: NodeJS.Timeout | null = null
  let endIdle = (): void => {}

  function watch (created: Server | Http2SecureServer): void {
    server = created
    if ('closeIdleConnections' in created) {
      endIdle = created.closeIdleConnections.bind(created)
      // Node ends them the moment that a server closes.
      created.closeIdleConnections = () => {}
    }
    created.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.once('close', () => { sockets.delete(socket) })
    })
    created.on('session', (session: ServerHttp2Session) => {
      sessions.add(session)
      session.setTimeout(KEEP_ALIVE_MS, () => { session.close() })
      session.once('close', () => { sessions.delete(session) })
    })
    created.once('close', () => { if (idleCheck !== null) clearTimeout(idleCheck) })
  }

  return {
    factory (handler) {
      const { tls, maxHeaderSize, bodyTimeout } = options
      const created = tls === null ? createServer({ maxHeaderSize, ...TIME_LIMITS }) : createTlsServer(tls, maxHeaderSize)
      limitBodies(created, handler, bodyTimeout)
      watch(created)
      // Fastify's type knows one kind of server at a time; what it uses of either is the same.
      return created as Server
    },
    secure (tls) {
      if (server !== null && 'setSecureContext' in server) server.setSecureContext({ cert: tls.cert, key: tls.key, minVersion: tls.minVersion })
    },
    drain () {
      for (const session of sessions) session.close()
      const closeIdle = (): void => {
        endIdle()
        // Node counts a connection that has sent nothing as busy.
        for (const socket of sockets) {
          if (socket.bytesRead === 0 && silent.has(socket)) socket.destroy()
          silent.add(socket)
        }
      }
      idleCheck ??= setTimeout(() => {
        closeIdle()
        idleCheck = setInterval(closeIdle, IDLE_CHECK_MS).unref()
      }, GRACE_MS).unref()
    },
    cut () {
      for (const socket of sockets) socket.destroy()
    }
  }
}
