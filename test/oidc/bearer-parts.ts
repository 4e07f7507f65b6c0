import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance, LightMyRequestResponse as Response } from 'fastify'
import type { OidcPluginOptions } from 'fastify-oidc'
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'
import { protectedApp, type Application } from './support.ts'

interface Scope { teardown (run: () => unknown): void }

export type Claims = Record<string, unknown>

export const seconds = (): number => Math.floor(Date.now() / 1000)

/** A key pair that signs, with what others know of it. */
export interface Signer {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  readonly pem: string
  readonly jwk: JWK
  /** A token of these claims; header members are laid over the honest ones, undefined takes one away. */
  sign (claims: Claims, header?: Claims): Promise<string>
}

export async function createSigner (alg = 'RS256', kid = 'key-1'): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  return {
    kid,
    alg,
    privateKey,
    pem: await exportSPKI(publicKey),
    jwk: { ...await exportJWK(publicKey), kid, alg, use: 'sig' },
    sign: async (claims, header = {}) => {
      const all = Object.fromEntries(Object.entries({ alg, kid, typ: 'at+jwt', ...header }).filter(([, value]) => value !== undefined))
      return await new SignJWT(claims).setProtectedHeader(all as { alg: string }).sign(privateKey)
    }
  }
}

/** Any text as a part of a token. */
export const part = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

export interface Introspected {
  readonly token: string
  readonly form: URLSearchParams
  readonly headers: IncomingHttpHeaders
}

/** What an endpoint does instead of answering with 200 and JSON. */
export type Answer = { readonly status: number, readonly body: string } | 'hang' | 'reset'

/** What the token endpoint was asked. */
export interface GrantAsked {
  readonly form: URLSearchParams
  /** Of the client, as its header says; null: it came without one. */
  readonly client: { readonly id: string, readonly secret: string } | null
}

/** What the token endpoint answers. */
export interface Granted {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Claims
}

/** Who issues tokens: discovery, keys, tokens and introspection, each counted, each at the test's will. */
export interface Authority {
  readonly issuer: string
  readonly discovery: string
  readonly counts: Record<string, number>
  readonly introspected: Introspected[]
  readonly asked: GrantAsked[]
  /** Published. */
  keys: JWK[]
  /** Laid over the discovery document. */
  metadata: Claims
  /** By path. */
  failures: Record<string, Answer>
  /** What is known of a token; undefined: it is not active. */
  knows (token: string): Claims | undefined
  grants (asked: GrantAsked): Granted | Promise<Granted>
  /** Answers wait for it. */
  gate: Promise<void>
}

async function readForm (request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk
  return new URLSearchParams(body)
}

function clientIn (authorization = ''): GrantAsked['client'] {
  const [id, secret] = Buffer.from(/^Basic (.+)$/.exec(authorization)?.[1] ?? '', 'base64').toString().split(':').map(text => decodeURIComponent(text.replaceAll('+', '%20')))
  return id === undefined || secret === undefined ? null : { id, secret }
}

async function answerGrant (authority: Authority, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = { form: await readForm(request), client: clientIn(request.headers.authorization) }
  authority.asked.push(asked)
  const { status = 200, headers = {}, body } = await authority.grants(asked)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

async function bodyOf (authority: Authority, path: string, request: IncomingMessage): Promise<unknown> {
  const { issuer } = authority
  if (path === '/jwks') return { keys: authority.keys }
  if (path !== '/introspect') return { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`, introspection_endpoint: `${issuer}/introspect`, ...authority.metadata }
  const form = await readForm(request)
  const token = form.get('token') ?? ''
  authority.introspected.push({ token, form, headers: request.headers })
  return authority.knows(token) ?? { active: false }
}

async function answer (authority: Authority, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url ?? ''
  authority.counts[path] = (authority.counts[path] ?? 0) + 1
  const failure = authority.failures[path]
  await authority.gate
  if (failure === 'hang') return
  if (failure === 'reset') { response.destroy(); return }
  if (failure === undefined && path === '/token') { await answerGrant(authority, request, response); return }
  const body = failure === undefined ? JSON.stringify(await bodyOf(authority, path, request)) : failure.body
  response.writeHead(failure?.status ?? 200, { 'content-type': 'application/json' }).end(body)
}

export async function createAuthority (t: Scope): Promise<Authority> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const authority: Authority = { issuer, discovery: `${issuer}/.well-known/openid-configuration`, counts: {}, introspected: [], asked: [], grants: () => ({ status: 400, body: { error: 'invalid_grant' } }), keys: [], metadata: {}, failures: {}, knows: () => undefined, gate: Promise.resolve() }
  server.on('request', (request, response) => { answer(authority, request, response).catch(() => { response.destroy() }) })
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return authority
}

/** Claims of an access token that holds; no two are the same, or one would be known from another provider that had the same port. */
export function claimsFor (authority: Pick<Authority, 'issuer'>, more: Claims = {}): Claims {
  const claims = { iss: authority.issuer, sub: 'alice', aud: 'api', client_id: 'app', scope: 'openid read', iat: seconds(), exp: seconds() + 300, jti: randomUUID(), ...more }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

/** An application that takes bearer tokens and nothing else. */
export async function bearerApp (t: Scope, authority: Pick<Authority, 'discovery'>, options: Partial<OidcPluginOptions> = {}): Promise<Application> {
  return await protectedApp(t, { client_id: 'api', client_secret: 'secret of the api', discovery: authority.discovery, bearer_only: true, ...options } as OidcPluginOptions)
}

export async function get (app: FastifyInstance, token: string | null, headers: Record<string, string> = {}): Promise<Response> {
  return await app.inject({ url: '/echo/x', headers: { ...(token === null ? {} : { authorization: `Bearer ${token}` }), ...headers } })
}

/** What the log says of refused tokens and of those that were let in. */
export function reasons ({ log }: Application): string[] {
  return log.filter(line => line.oidc === 'refused' || line.oidc === 'bearer').map(line => String(line.msg))
}
