import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Owner } from '../redis-process.ts'

/** Stands between one node and the provider's token endpoint. */
export interface TokenGate {
  readonly url: string
  /**
   * Holds the next refresh: `before` the provider has seen it, or `after` it has answered. Resolves when it is held;
   * it stays so until its sender is gone.
   */
  hold (where: 'before' | 'after'): Promise<void>
}

interface Hold {
  readonly where: 'before' | 'after'
  held (): void
}

async function readBody (request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk
  return body
}

async function pass (endpoint: string, request: IncomingMessage, body: string): Promise<{ readonly status: number, readonly type: string, readonly text: string }> {
  const { authorization, 'content-type': contentType = '' } = request.headers
  const answer = await fetch(endpoint, { method: 'POST', body, headers: { 'content-type': contentType, ...authorization === undefined ? {} : { authorization } } })
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', text: await answer.text() }
}

export async function startTokenGate (owner: Owner, endpoint: string): Promise<TokenGate> {
  let next: Hold | null = null

  async function serve (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    const hold = new URLSearchParams(body).get('grant_type') === 'refresh_token' ? next : null
    if (hold !== null) next = null
    if (hold?.where === 'before') return hold.held()
    const { status, type, text } = await pass(endpoint, request, body)
    if (hold !== null) return hold.held()
    response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
  }

  const server = createServer((request, response) => { serve(request, response).catch(() => { response.destroy() }) })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    hold: where => new Promise(resolve => { next = { where, held: resolve } })
  }
}
