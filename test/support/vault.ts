import { deepStrictEqual } from 'node:assert'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'

interface Scope { teardown (run: () => unknown): void }

/** One request of Vault's HTTP API, and what it is answered. */
interface Exchange {
  readonly request: {
    readonly method: string
    readonly path: string
    readonly token: string | null
    readonly namespace?: string
    readonly body?: unknown
  }
  readonly answer: { readonly status: number, readonly body: unknown }
}

const EXCHANGES = JSON.parse(readFileSync(new URL('../fixtures/vault/exchanges.json', import.meta.url), 'utf8')) as readonly Exchange[]

export type Fault = 'hang' | 'reset' | { readonly status: number, readonly text: string, readonly headers?: Record<string, string> }

/** A server that knows the exchanges, and nothing else. */
export interface TestVault {
  readonly uri: string
  /** `GET /v1/kv/x`, in the order of arrival. */
  readonly asked: readonly string[]
  /** What no client of Vault sends. */
  readonly violations: readonly string[]
  /** Go before the exchanges, one for each request. */
  readonly faults: Fault[]
}

async function readBody (request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) text += chunk
  return text
}

function isSame (a: unknown, b: unknown): boolean {
  try {
    deepStrictEqual(a, b)
    return true
  } catch {
    return false
  }
}

function violationsOf ({ method = '', headers }: IncomingMessage, text: string): string[] {
  const strange = Object.keys(headers).filter(name => name.startsWith('x-vault-') && !['x-vault-token', 'x-vault-namespace', 'x-vault-request'].includes(name))
  return [
    ...strange.map(name => `${name} is sent`),
    ...headers['x-vault-request'] === 'true' ? [] : ['x-vault-request is not true'],
    ...headers.authorization === undefined && headers.cookie === undefined ? [] : ['other credentials are sent'],
    ...method === 'GET' && text !== '' ? ['a GET has a body'] : [],
    ...method === 'POST' && headers['content-type'] !== 'application/json' ? ['a POST is not JSON'] : []
  ]
}

/** As Vault: who may not see whether something is there is refused. */
function answerOf ({ method = '', url = '', headers }: IncomingMessage, text: string): Exchange['answer'] {
  const there = EXCHANGES.filter(({ request }) => request.method === method && request.path === url)
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  const found = there.find(({ request }) => (headers['x-vault-token'] ?? null) === request.token && headers['x-vault-namespace'] === request.namespace && isSame(body, request.body))
  return found?.answer ?? { status: method === 'POST' ? 400 : 403, body: { errors: [method === 'POST' ? 'invalid role or secret ID' : 'permission denied'] } }
}

function send (response: ServerResponse, { status, text, headers = {} }: Exclude<Fault, string>): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers }).end(text)
}

async function serve (request: IncomingMessage, response: ServerResponse, { asked, violations, faults }: { asked: string[], violations: string[], faults: Fault[] }): Promise<void> {
  const text = await readBody(request)
  asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
  violations.push(...violationsOf(request, text))
  const fault = faults.shift()
  if (fault === 'hang') return
  if (fault === 'reset') response.destroy()
  else if (fault !== undefined) send(response, fault)
  else {
    const { status, body } = answerOf(request, text)
    send(response, { status, text: JSON.stringify(body) })
  }
}

/** Starts one; `tls`: with this certificate. */
export async function startVault (t: Scope, tls: { readonly cert: string, readonly key: string } | null = null): Promise<TestVault> {
  const state = { asked: [] as string[], violations: [] as string[], faults: [] as Fault[] }
  const listener: RequestListener = (request, response) => { serve(request, response, state).catch(() => { response.destroy() }) }
  const server: Server = tls === null ? createServer(listener) : createTlsServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return { uri: `${tls === null ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`, ...state }
}
