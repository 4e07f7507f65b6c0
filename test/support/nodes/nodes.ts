import { fileURLToPath } from 'node:url'
import { Pool } from 'undici'
import { Browser } from 'fastify-oidc-testing'
import { SECRET } from '../../oidc/support.ts'
import { freePorts, type Owner } from '../redis-process.ts'
import { startRedis, type RedisServer } from '../redis-server.ts'
import { startProcess, type Process } from './process.ts'
import { startCountingProvider, type CountingProvider } from './provider.ts'
import { startTokenGate, type TokenGate } from './token-gate.ts'
import { startTellingUpstream, type Told } from './upstream.ts'

const GATEWAY = fileURLToPath(new URL('../../../packages/gateway/dist/bin/oidc-gateway.js', import.meta.url))
const SERVICE = fileURLToPath(new URL('service.mjs', import.meta.url))

/** What came back for one request. */
export interface Answer extends Told {
  /** 0: no answer came. */
  readonly status: number
  readonly setCookies: readonly string[]
  readonly sentAtMs: number
  readonly answeredAtMs: number
}

/** How many had which status: `800 × 200`. */
export function tally (answers: readonly Answer[]): string {
  const counts = new Map<number, number>()
  for (const { status } of answers) counts.set(status, (counts.get(status) ?? 0) + 1)
  return [...counts].sort(([a], [b]) => a - b).map(([status, count]) => `${count} × ${status}`).join(', ')
}

/** What the nodes logged, each line once, with how often it was. */
export function logged (nodes: readonly Node[]): string[] {
  const counts = new Map<string, number>()
  for (const { log } of nodes) {
    for (const { oidc, code, msg, err } of log) {
      const line = JSON.stringify({ oidc, code, msg, cause: (err as { message?: unknown } | undefined)?.message })
      counts.set(line, (counts.get(line) ?? 0) + 1)
    }
  }
  return [...counts].map(([line, count]) => `${count} × ${line}`)
}

/** A gateway in a process of its own. */
export interface Node extends Process {
  readonly origin: string
  readonly tokenGate: TokenGate
  /** One request of a script, with these cookies. */
  ask (path: string, cookie: string): Promise<Answer>
}

/** Somebody who is logged in. */
export interface Visitor extends Told {
  readonly cookie: string
  readonly sid: string
}

/** Gateways that share one Redis, one provider and one upstream. */
export interface Nodes {
  readonly redis: RedisServer
  readonly provider: CountingProvider
  readonly all: readonly [Node, Node, Node, Node]
  /** A login of alice at a node, in a browser of its own. */
  login (node: Node, core: string): Promise<Visitor>
  /** A Fastify service for the same sessions: `POST /<core>/revoke/<sid>` ends some. Answers its origin. */
  startService (): Promise<string>
  /** The Cookie header after answers with these. */
  cookieAfter (node: Node, cookie: string, setCookies: readonly string[]): string
}

export interface NodesOptions {
  /** Seconds. */
  readonly accessTokenLife: number
  /** Seconds that a call to the provider may take. */
  readonly timeout: number
  /** Each is a route `/<name>/*` with these options over the common ones; `session` is merged. */
  readonly cores: Readonly<Record<string, { readonly session: Readonly<Record<string, unknown>>, readonly [option: string]: unknown }>>
}

/** Sessions in Redis, and sessions in cookies that are agreed about through Redis. */
export const BOTH = { redis: { session: { storage: 'redis' } }, cookie: { session: { coordination: 'redis' } } } as const

/** Of every core, under its name. */
function optionsOf ({ cores, timeout }: NodesOptions, { provider, redis }: Pick<Nodes, 'provider' | 'redis'>, tokenEndpoint: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(cores).map(([name, { session, ...options }]) => [name, {
    discovery: provider.discovery,
    client_id: provider.clientId,
    client_secret: provider.clientSecret,
    security_profile: 'oauth2.1',
    token_endpoint: tokenEndpoint,
    redirect_uri: `/${name}/callback`,
    logout_path: `/${name}/logout`,
    backchannel_logout_path: `/${name}/backchannel`,
    timeout,
    ...options,
    session: { secret: SECRET, cookie_name: name, redis: { port: redis.port, prefix: name }, ...session }
  }]))
}

async function ask (pool: Pool, path: string, cookie: string): Promise<Answer> {
  const sentAtMs = performance.now()
  try {
    const { statusCode, headers, body } = await pool.request({ path, method: 'GET', headers: { cookie, 'sec-fetch-mode': 'cors' } })
    const text = await body.text()
    const told = statusCode === 200 ? JSON.parse(text) as Told : { subject: null, sid: null }
    return { ...told, status: statusCode, setCookies: [headers['set-cookie'] ?? []].flat(), sentAtMs, answeredAtMs: performance.now() }
  } catch {
    return { subject: null, sid: null, status: 0, setCookies: [], sentAtMs, answeredAtMs: performance.now() }
  }
}

async function login (node: Node, core: string): Promise<Visitor> {
  const browser = new Browser()
  const page = await browser.navigate(`${node.origin}/${core}/`)
  if (page.status !== 200) throw new Error(`the login ended at ${page.status} ${page.url.href}: ${page.body.slice(0, 300)}`)
  const { subject, sid } = JSON.parse(page.body) as Told
  if (sid === null) throw new Error('the upstream was told nobody')
  return { subject, sid, cookie: browser.cookieHeader(`${node.origin}/${core}/`) }
}

function cookieAfter ({ origin }: Node, cookie: string, setCookies: readonly string[]): string {
  const browser = new Browser()
  browser.setCookies(origin, [...cookie.split('; ').map(pair => `${pair}; Path=/`), ...setCookies])
  return browser.cookieHeader(`${origin}/`)
}

/** Starts four gateways, and all that they need. */
export async function startNodes (owner: Owner, options: NodesOptions): Promise<Nodes> {
  const [redis, provider, upstream] = await Promise.all([
    startRedis(owner),
    startCountingProvider(owner, { accessTokenLife: options.accessTokenLife }),
    startTellingUpstream(owner)
  ])
  const ground = { redis, provider }
  const startAt = async (port: number): Promise<Node> => {
    const tokenGate = await startTokenGate(owner, `${provider.issuer}/token`)
    const origin = `http://127.0.0.1:${port}`
    const routes = Object.entries(optionsOf(options, ground, tokenGate.url)).map(([name, core]) => ({ uri: `/${name}/*`, upstream, plugins: { 'openid-connect': core } }))
    const child = await startProcess(owner, [GATEWAY, 'start', '-c'], { listen: { host: '127.0.0.1', port }, log: { level: 'warn' }, routes }, `${origin}/ready`)
    const pool = new Pool(origin, { connections: 1000 })
    owner.teardown(async () => { await pool.destroy() })
    return { ...child, origin, tokenGate, ask: async (path, cookie) => await ask(pool, path, cookie) }
  }
  // A free port may be another's by the time that the program listens.
  const start = async (): Promise<Node> => {
    const [port = 0, another = 0] = await freePorts(2)
    return await startAt(port).catch(async (error: Error) => await (error.message.includes('EADDRINUSE') ? startAt(another) : Promise.reject(error)))
  }
  const all = await Promise.all([start(), start(), start(), start()]) as [Node, Node, Node, Node]
  return {
    ...ground,
    all,
    login,
    cookieAfter,
    startService: async () => {
      const [port = 0] = await freePorts(1)
      const origin = `http://127.0.0.1:${port}`
      await startProcess(owner, [SERVICE], { port, cores: optionsOf(options, ground, `${provider.issuer}/token`) }, `${origin}/ready`)
      return origin
    }
  }
}
