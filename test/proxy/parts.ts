import { EventEmitter, once } from 'node:events'
import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import proxy, { type ProxyOptions } from 'fastify-oidc-proxy'
import { registerFakeCore, type FakeSessions } from './fake-core.ts'

/** What a test hands its clean-up to. */
export interface Teardown {
  teardown (clean: () => unknown): void
}

/** One line of the log. */
export interface LogLine {
  readonly level: number
  readonly oidc?: string
  readonly msg: string
  readonly [member: string]: unknown
}

/** An application with the fake core and proxies. */
export interface Front {
  readonly app: FastifyInstance
  readonly origin: string
  readonly port: number
  readonly sessions: FakeSessions
  /** Lines of this plugin. */
  readonly log: LogLine[]
  /** The next line with this name, past ones included. */
  logged (oidc: string): Promise<LogLine>
}

export const alice = { cookie: 'session=alice' } as const

function portOf (server: { address (): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port
}

export async function listen (t: Teardown, server: net.Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', socket => { sockets.add(socket.on('error', () => {}).once('close', () => sockets.delete(socket))) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return portOf(server)
}

/** A plain HTTP/1.1 upstream. */
export async function startUpstream (t: Teardown, listener: RequestListener): Promise<{ url: string, server: Server, port: number }> {
  const server = http.createServer(listener)
  const port = await listen(t, server)
  return { url: `http://127.0.0.1:${port}`, server, port }
}

/** Answers with what it received. */
export function echo (request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  request.on('end', () => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, names: request.rawHeaders.filter((_, index) => index % 2 === 0), body: Buffer.concat(chunks).toString('latin1') }))
  })
}

export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Record<string, string>
  readonly names: readonly string[]
  readonly body: string
}

/** Starts an application whose proxies are registered one after the other. */
export async function startFront (t: Teardown, proxies: ProxyOptions | readonly ProxyOptions[], options: FastifyServerOptions = {}): Promise<Front> {
  const log: LogLine[] = []
  const arrivals = new EventEmitter()
  const stream = new PassThrough()
  stream.on('data', (line: Buffer) => {
    for (const text of line.toString().split('\n').filter(part => part !== '')) {
      const parsed = JSON.parse(text) as LogLine
      if (parsed.oidc === undefined) continue
      log.push(parsed)
      arrivals.emit('line')
    }
  })
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'debug', stream }, ...options })
  t.teardown(() => app.close())
  const sessions = registerFakeCore(app)
  for (const one of [proxies].flat()) await app.register(proxy, one)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const port = portOf(app.server)
  async function logged (oidc: string): Promise<LogLine> {
    for (;;) {
      const line = log.find(candidate => candidate.oidc === oidc)
      if (line !== undefined) return line
      await once(arrivals, 'line')
    }
  }
  return { app, origin: `http://127.0.0.1:${port}`, port, sessions, log, logged }
}

/** Sends bytes, and answers everything that comes back until the other side closes. */
export async function sendRaw (port: number, text: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(Buffer.from(text, 'latin1'))
  let received = ''
  for await (const chunk of socket) received += (chunk as Buffer).toString('latin1')
  return received
}

/** A request over a socket of its own, with exactly these header lines; the connection is closed behind it. */
export async function requestRaw (port: number, target: string, lines: readonly string[], method = 'GET'): Promise<{ status: number, head: string, echo: Echo }> {
  const closing = lines.some(line => /^connection:/i.test(line)) ? [] : ['Connection: close']
  const answer = await sendRaw(port, [`${method} ${target} HTTP/1.1`, 'Host: app.example.com:8443', ...lines, ...closing, '', ''].join('\r\n'))
    .then(text => text.replace('HTTP/1.1 100 Continue\r\n\r\n', ''))
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), head, echo: (body.startsWith('{') ? JSON.parse(body) : {}) as Echo }
}

/** Resolves when a counter reaches a value: for things that happen on the other side of a socket. */
export async function until (reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise(resolve => setImmediate(resolve))
}
