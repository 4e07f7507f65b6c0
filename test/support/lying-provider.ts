import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { overlay, type Endpoint, type Gate, type Lies, type Overlay } from './lies.ts'
import { createMint, type Mint } from './lying-tokens.ts'

const HUGE_BYTES = 10 * 1024 * 1024

/** A provider that does what no good one does, on request. */
export interface LyingProvider {
  readonly issuer: string
  readonly discovery: string
  readonly clientId: string
  readonly clientSecret: string
  /** Lies like this from now on, and only like this; without an argument, tells the truth again. */
  lie (lies?: Lies): void
  /** Holds the answers of an endpoint back. */
  hold (endpoint: Endpoint): Gate
  /** How many requests an endpoint has had. */
  count (endpoint: Endpoint): number
  /** How often a code or a refresh token came that had been used before; it is refused with `invalid_grant`. */
  readonly reused: { readonly code: number, readonly refreshToken: number }
  /** Proofs of possession that came, with the nonces in them. */
  readonly proofs: ReadonlyArray<{ readonly endpoint: Endpoint, readonly nonce: unknown }>
  /** A new signing key, the only one in the JWKS. */
  rotateKey (): Promise<void>
  close (): Promise<void>
}

/** What the user, who is always alice, agreed to. */
interface Grant {
  readonly nonce: string | null
  readonly challenge: string | null
  readonly redirectUri: string
  readonly scope: string
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Overlay
  readonly location?: string
}

interface State {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly mint: Mint
  readonly counts: Map<Endpoint, number>
  readonly gates: Map<Endpoint, { readonly pass: Promise<void>, reach (): void }>
  readonly codes: Map<string, Grant>
  readonly refreshTokens: Map<string, Grant>
  readonly used: Set<string>
  readonly reused: { code: number, refreshToken: number }
  readonly proofs: Array<{ readonly endpoint: Endpoint, readonly nonce: unknown }>
  lies: Lies
}

const PATHS: Readonly<Record<string, Endpoint>> = {
  '/.well-known/openid-configuration': 'discovery',
  '/jwks': 'jwks',
  '/authorize': 'authorize',
  '/token': 'token',
  '/userinfo': 'userinfo',
  '/end_session': 'end_session',
  '/revocation': 'revocation'
}

const SUBJECT = 'alice'
const refusal: Answer = { status: 400, body: { error: 'invalid_grant', error_description: 'not this time' } }

function discoveryDocument ({ issuer }: State): Overlay {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    end_session_endpoint: `${issuer}/end_session`,
    revocation_endpoint: `${issuer}/revocation`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true
  }
}

function authorize (state: State, query: URLSearchParams): Answer {
  const { callback } = state.lies
  const redirectUri = query.get('redirect_uri') ?? ''
  if (!URL.canParse(redirectUri)) return { status: 400, body: { error: 'invalid_request' } }
  const target = new URL(redirectUri)
  const stateParameter = callback?.kind === 'wrong_state' ? 'another-state' : query.get('state')
  if (stateParameter !== null && callback?.kind !== 'no_state') target.searchParams.set('state', stateParameter)
  if (callback?.kind !== 'no_issuer') target.searchParams.set('iss', callback?.kind === 'wrong_issuer' ? 'https://issuer.evil.example' : state.issuer)
  if (callback?.kind === 'error') {
    target.searchParams.set('error', callback.error)
    if (callback.description !== undefined) target.searchParams.set('error_description', callback.description)
    return { status: 302, location: target.href }
  }
  const code = `code-${randomUUID()}`
  state.codes.set(code, { nonce: query.get('nonce'), challenge: query.get('code_challenge'), redirectUri, scope: query.get('scope') ?? 'openid' })
  target.searchParams.set('code', code)
  return { status: 302, location: target.href }
}

async function issueTokens (state: State, grant: Grant, subject: string, refreshToken: string): Promise<Answer> {
  const { mint, lies, issuer, clientId, clientSecret } = state
  const given = lies.tokenResponse?.access_token
  const accessToken = typeof given === 'string' ? given : `access-${randomUUID()}`
  const idToken = await mint.idToken({ issuer, clientId, clientSecret, subject, nonce: grant.nonce, accessToken }, lies)
  state.refreshTokens.set(refreshToken, grant)
  const honest = { access_token: accessToken, token_type: 'Bearer', expires_in: 300, scope: grant.scope, refresh_token: refreshToken, id_token: idToken ?? undefined }
  return { status: 200, body: overlay(honest, lies.tokenResponse) }
}

function isKnownClient ({ clientId, clientSecret }: State, authorization: string, form: URLSearchParams): boolean {
  const basic = Buffer.from(authorization.replace(/^Basic /i, ''), 'base64').toString().split(':').map(part => decodeURIComponent(part.replaceAll('+', '%20')))
  return (basic[0] === clientId && basic[1] === clientSecret) || (form.get('client_id') === clientId && form.get('client_secret') === clientSecret)
}

async function exchangeCode (state: State, form: URLSearchParams): Promise<Answer> {
  const code = form.get('code') ?? ''
  const grant = state.codes.get(code)
  if (state.used.has(code)) state.reused.code++
  if (grant === undefined || state.used.has(code) || form.get('redirect_uri') !== grant.redirectUri) return refusal
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url')
  if (grant.challenge !== null && challenge !== grant.challenge) return refusal
  state.used.add(code)
  return await issueTokens(state, grant, SUBJECT, `refresh-${randomUUID()}`)
}

async function refresh (state: State, form: URLSearchParams): Promise<Answer> {
  const token = form.get('refresh_token') ?? ''
  const grant = state.refreshTokens.get(token)
  if (state.used.has(token)) state.reused.refreshToken++
  if (grant === undefined || state.used.has(token)) return refusal
  const rotates = state.lies.refresh !== 'without_rotation'
  if (rotates) state.used.add(token)
  // A refreshed ID token has no nonce of its own (OIDC Core, section 12.2).
  return await issueTokens(state, { ...grant, nonce: null }, state.lies.refresh === 'wrong_subject' ? 'mallory' : SUBJECT, rotates ? `refresh-${randomUUID()}` : token)
}

function endSession (query: URLSearchParams): Answer {
  const target = query.get('post_logout_redirect_uri') ?? ''
  if (!URL.canParse(target)) return { status: 200, body: { signed_out: true } }
  const location = new URL(target)
  const state = query.get('state')
  if (state !== null) location.searchParams.set('state', state)
  return { status: 302, location: location.href }
}

async function answer (state: State, endpoint: Endpoint, request: IncomingMessage, parameters: URLSearchParams): Promise<Answer> {
  const unknownClient: Answer = { status: 401, body: { error: 'invalid_client' } }
  const needsClient = endpoint === 'token' || endpoint === 'refresh' || endpoint === 'revocation'
  if (needsClient && !isKnownClient(state, request.headers.authorization ?? '', parameters)) return unknownClient
  switch (endpoint) {
    case 'discovery': return { status: 200, body: overlay(discoveryDocument(state), state.lies.discovery) }
    case 'jwks': return { status: 200, body: { ...await state.mint.jwks(), ...(state.lies.keys === undefined ? {} : { keys: state.lies.keys }) } }
    case 'authorize': return authorize(state, parameters)
    case 'token': return await exchangeCode(state, parameters)
    case 'refresh': return await refresh(state, parameters)
    case 'userinfo': return { status: 200, body: overlay({ sub: SUBJECT, name: 'Alice', email: 'alice@example.test' }, state.lies.userinfo) }
    case 'end_session': return endSession(parameters)
    case 'revocation': return { status: 200, body: {} }
  }
}

function send (response: ServerResponse, { status, headers, body, location }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers, ...(location === undefined ? {} : { location }) })
  response.end(JSON.stringify(body ?? {}))
}

function readNonce (proof: string): unknown {
  return (JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>).nonce
}

/** RFC 9449, sections 8 and 9: the token endpoint says it in the body, userinfo in a challenge. */
function wantNonce (endpoint: Endpoint, nonce: string): Answer {
  if (endpoint === 'userinfo') return { status: 401, headers: { 'dpop-nonce': nonce, 'www-authenticate': 'DPoP error="use_dpop_nonce"' } }
  return { status: 400, headers: { 'dpop-nonce': nonce }, body: { error: 'use_dpop_nonce', error_description: 'again' } }
}

async function respond (state: State, endpoint: Endpoint, request: IncomingMessage, response: ServerResponse, parameters: URLSearchParams): Promise<void> {
  const { clockAhead, failures } = state.lies
  const failure = failures?.[endpoint]
  if (clockAhead !== undefined) response.setHeader('date', new Date(Date.now() + clockAhead * 1000).toUTCString())
  const proof = request.headers.dpop
  if (typeof proof === 'string') {
    state.proofs.push({ endpoint, nonce: readNonce(proof) })
    if (state.lies.dpopNonce !== undefined) { send(response, wantNonce(endpoint, state.lies.dpopNonce)); return }
  }
  switch (failure) {
    case 'hang': return
    case 'reset': response.destroy(); return
    case 'stall': response.writeHead(200, { 'content-type': 'application/json' }).write('{"half":'); return
    case 'not_json': response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Welcome to the hotel</html>'); return
    case 'server_error': send(response, { status: 500, body: { error: 'server_error' } }); return
    case 'invalid_grant': send(response, refusal); return
    case 'redirect': send(response, { status: 302, location: `${state.issuer}/elsewhere` }); return
    case 'huge':
    case undefined: {
      const honest = await answer(state, endpoint, request, parameters)
      send(response, failure === 'huge' ? { ...honest, body: { ...honest.body, filling: 'x'.repeat(HUGE_BYTES) } } : honest)
    }
  }
}

async function readBody (request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk
  return body
}

async function handle (state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', state.issuer)
  const parameters = request.method === 'POST' ? new URLSearchParams(await readBody(request)) : url.searchParams
  const path = PATHS[url.pathname]
  if (path === undefined) return send(response, { status: 404 })
  const endpoint = path === 'token' && parameters.get('grant_type') === 'refresh_token' ? 'refresh' : path
  state.counts.set(endpoint, (state.counts.get(endpoint) ?? 0) + 1)
  const gate = state.gates.get(endpoint)
  gate?.reach()
  await gate?.pass
  await respond(state, endpoint, request, response, parameters)
}

function hold (state: State, endpoint: Endpoint): Gate {
  let open = (): void => {}
  let reach = (): void => {}
  const pass = new Promise<void>(resolve => { open = resolve })
  const reached = new Promise<void>(resolve => { reach = resolve })
  state.gates.set(endpoint, { pass, reach: () => { reach() } })
  return { reached, open: () => { state.gates.delete(endpoint); open() } }
}

export async function createLyingProvider (client: { readonly id?: string, readonly secret?: string } = {}): Promise<LyingProvider> {
  const mint = await createMint()
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const state: State = { issuer, clientId: client.id ?? 'app', clientSecret: client.secret ?? 'a secret of the client, long enough', mint, counts: new Map(), gates: new Map(), codes: new Map(), refreshTokens: new Map(), used: new Set(), reused: { code: 0, refreshToken: 0 }, proofs: [], lies: {} }
  server.on('request', (request, response) => {
    handle(state, request, response).catch(() => { response.destroy() })
  })
  return {
    issuer,
    discovery: `${issuer}/.well-known/openid-configuration`,
    clientId: state.clientId,
    clientSecret: state.clientSecret,
    lie: (lies = {}) => { state.lies = lies },
    hold: endpoint => hold(state, endpoint),
    count: endpoint => state.counts.get(endpoint) ?? 0,
    reused: state.reused,
    proofs: state.proofs,
    rotateKey: mint.rotate,
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
  }
}
