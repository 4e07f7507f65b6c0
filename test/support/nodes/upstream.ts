import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import type { Owner } from '../redis-process.ts'

/** Who the upstream is told that the caller is. */
export interface Told {
  readonly subject: string | null
  /** The provider's session. */
  readonly sid: string | null
}

function read ({ 'x-id-token': header }: IncomingHttpHeaders): Told {
  const claims = typeof header === 'string' ? JSON.parse(Buffer.from(header, 'base64').toString()) as { sub?: string, sid?: string } : {}
  return { subject: claims.sub ?? null, sid: claims.sid ?? null }
}

function sendEvents (response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let count = 0
  const timer = setInterval(() => { response.write(`data: ${++count}\n\n`) }, 50)
  response.on('close', () => { clearInterval(timer) })
}

/** Says who the caller is, on each path; one that ends in `/events` never ends, and WebSockets echo. */
export async function startTellingUpstream (owner: Owner): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/events') === true) sendEvents(response)
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(read(request.headers)))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => {
    socket.send('hello')
    socket.on('message', message => { socket.send(`echo ${String(message)}`) })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
