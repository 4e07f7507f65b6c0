import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import type { Owner } from '../../support/redis-process.ts'

/** A provider for many sessions at once, each of somebody else: it rotates refresh tokens, refuses used ones, and signs logout tokens. */
export interface CrowdProvider {
  readonly issuer: string
  readonly discovery: string
  readonly clientId: string
  readonly clientSecret: string
  /** How many refresh tokens it has taken, and how many came that had been used before. */
  readonly refreshes: { taken: number, reused: number }
  /** All that only the provider, the application and perhaps the user may know: tokens, codes, names, addresses. */
  readonly issued: readonly string[]
  /** Seconds that an access token lives. */
  tokenLife: number
  /** Waits before each answer of the token endpoint, so that a test can put something between question and answer. */
  beforeToken: (() => Promise<void>) | null
  /** A refresh token as a login would have brought it. */
  grant (): string
  logoutToken (claims: Readonly<Record<string, unknown>>): Promise<string>
}

const CLIENT = { clientId: 'app', clientSecret: 'a secret of the client, long enough' }

interface Answer {
  readonly status: number
  readonly body?: object
  readonly location?: string
}

async function readBody (request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) body += chunk
  return new URLSearchParams(body)
}

function metadata (issuer: string): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    code_challenge_methods_supported: ['S256']
  }
}

export async function startCrowdProvider (owner: Owner): Promise<CrowdProvider> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const keys = [{ ...await exportJWK(publicKey), kid: 'one', alg: 'ES256', use: 'sig' }]
  const granted = new Set<string>()
  const codes = new Map<string, { readonly nonce: string | null }>()
  const issued: string[] = []
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  owner.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const note = (text: string): string => {
    issued.push(text)
    return text
  }
  const sign = async (claims: Readonly<Record<string, unknown>>, typ: string): Promise<string> => note(await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', typ }).sign(privateKey))
  const grant = (): string => {
    const token = note(`refresh-${randomUUID()}`)
    granted.add(token)
    return token
  }
  const tokens = (): object => ({ access_token: note(`access-${randomUUID()}`), token_type: 'Bearer', expires_in: provider.tokenLife, refresh_token: grant() })
  const refuse = (): Answer => ({ status: 400, body: { error: 'invalid_grant' } })

  const authorize = (query: URLSearchParams): Answer => {
    const code = note(`code-${randomUUID()}`)
    codes.set(code, { nonce: query.get('nonce') })
    return { status: 302, location: `${query.get('redirect_uri')}?${new URLSearchParams({ code, state: query.get('state') ?? '', iss: issuer }).toString()}` }
  }
  const exchange = async (form: URLSearchParams): Promise<Answer> => {
    const code = codes.get(form.get('code') ?? '')
    if (code === undefined) return refuse()
    codes.delete(form.get('code') ?? '')
    const [sub, sid] = [note(`subject-${randomUUID()}`), note(`sid-${randomUUID()}`)]
    const now = Math.floor(Date.now() / 1000)
    // A second ago: a logout that is asked for now is meant.
    const claims = { iss: issuer, aud: CLIENT.clientId, sub, sid, email: note(`${randomUUID()}@mail.example`), name: note(`Name ${randomUUID()}`), iat: now - 1, exp: now + 300, ...code.nonce === null ? {} : { nonce: code.nonce } }
    return { status: 200, body: { ...tokens(), id_token: await sign(claims, 'JWT') } }
  }
  const refresh = (form: URLSearchParams): Answer => {
    if (!granted.delete(form.get('refresh_token') ?? '')) {
      provider.refreshes.reused++
      return refuse()
    }
    provider.refreshes.taken++
    return { status: 200, body: tokens() }
  }
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', issuer)
    switch (pathname) {
      case '/.well-known/openid-configuration': return { status: 200, body: metadata(issuer) }
      case '/jwks': return { status: 200, body: { keys } }
      case '/authorize': return authorize(searchParams)
      case '/token': {
        const form = await readBody(request)
        await provider.beforeToken?.()
        return form.get('grant_type') === 'refresh_token' ? refresh(form) : await exchange(form)
      }
      default: return { status: 404 }
    }
  }
  server.on('request', (request, response) => {
    answer(request).then(({ status, body = {}, location }) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store', ...location === undefined ? {} : { location } }).end(JSON.stringify(body))
    }, () => { response.destroy() })
  })

  const provider: CrowdProvider = {
    ...CLIENT,
    issuer,
    discovery: `${issuer}/.well-known/openid-configuration`,
    refreshes: { taken: 0, reused: 0 },
    issued,
    tokenLife: 300,
    beforeToken: null,
    grant,
    async logoutToken (claims) {
      const now = Math.floor(Date.now() / 1000)
      const all = { iss: issuer, aud: CLIENT.clientId, iat: now, exp: now + 120, jti: randomUUID(), events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, ...claims }
      return await sign({ ...all, jti: note(all.jti) }, 'logout+jwt')
    }
  }
  return provider
}
