import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGateway, type CreateGatewayOptions, type Gateway, type GatewayOptions } from 'fastify-oidc-gateway'

interface Test {
  teardown (handler: () => unknown): void
}

/** What an upstream of these tests answers: who it is, and what it was sent. */
export interface Received {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

function describe (name: string, { method, url, headers }: IncomingMessage): Received {
  return { name, method: method ?? '', url: url ?? '', headers: headers as Record<string, string> }
}

/** An upstream that answers what it received, as JSON. */
export async function startUpstream (t: Test, name = 'upstream', listener?: RequestListener): Promise<string> {
  const server = createServer({ maxHeaderSize: 128 * 1024 }, listener ?? ((request, response) => {
    request.resume()
    request.on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify(describe(name, request))))
  }))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Log lines, kept. */
export function keepLog (): { readonly lines: string[], readonly stream: { write (line: string): void } } {
  const lines: string[] = []
  return { lines, stream: { write: line => { lines.push(line) } } }
}

/** A gateway on a free port of its own; quiet unless the configuration says otherwise. */
export async function startGateway (t: Test, configuration: GatewayOptions, options: CreateGatewayOptions = {}): Promise<Gateway> {
  const gateway = await createGateway({ log: { level: 'silent' }, ...configuration, listen: { port: 0, ...configuration.listen } }, options)
  t.teardown(async () => { await gateway.close() })
  return gateway
}

/** Asks a gateway, without a socket. */
export async function ask (gateway: Gateway, url: string, { host = 'localhost', method = 'GET', headers = {} }: { host?: string, method?: 'GET' | 'HEAD' | 'POST' | 'OPTIONS' | 'DELETE', headers?: Record<string, string> } = {}): Promise<{ readonly status: number, readonly headers: Record<string, unknown>, readonly received: Received }> {
  const response = await gateway.app.inject({ method, url, headers: { host, ...headers } })
  return { status: response.statusCode, headers: response.headers, received: response.headers['content-type']?.toString().startsWith('application/json') === true && response.body !== '' ? response.json<Received>() : { name: '', method: '', url: '', headers: {} } }
}

/** Asks over a socket, with the path as it is written: `inject` tidies paths up. */
export async function askRaw (origin: string, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<{ readonly status: number, readonly headers: IncomingHttpHeaders, readonly body: string }> {
  const { hostname, port } = new URL(origin)
  const outgoing = httpRequest({ hostname, port, path, method, headers, agent: false })
  outgoing.end()
  const [response] = await once(outgoing, 'response') as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }
}
