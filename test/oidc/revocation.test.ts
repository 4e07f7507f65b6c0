import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { login } from 'fastify-oidc-testing'
import { complaints } from './flow.ts'
import { isCleared, lyingProvider, storedOf } from './session-parts.ts'
import { optionsFor, protectedApp } from './support.ts'

interface Revocation { readonly authorization: string | undefined, readonly form: Record<string, string> }

/** A revocation endpoint that remembers what it was asked, and answers 200 with no JSON. */
async function revocationEndpoint (t: { teardown (run: () => unknown): void }): Promise<{ readonly url: string, readonly asked: Revocation[] }> {
  const asked: Revocation[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => {
      asked.push({ authorization: request.headers.authorization, form: Object.fromEntries(new URLSearchParams(body)) })
      response.writeHead(200, { 'content-type': 'text/plain' }).end('gone')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.closeAllConnections(); server.close() })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/revoke`, asked }
}

t.test('S366, S367: both tokens are revoked, the client saying who it is in the way that is configured', async t => {
  const provider = await lyingProvider(t)
  const { clientId, clientSecret } = provider
  for (const method of ['client_secret_basic', 'client_secret_post']) {
    const endpoint = await revocationEndpoint(t)
    const { app, log } = await protectedApp(t, optionsFor(provider, { revoke_tokens_on_logout: true, token_endpoint_auth_method: method, revocation_endpoint: endpoint.url }))
    const { cookie } = await login(app)
    const { session } = await storedOf(app, cookie)
    const answer = await app.inject({ url: '/logout', headers: { cookie } })
    t.equal(answer.statusCode, 302, method)
    t.ok(isCleared(answer))
    const credentials = method === 'client_secret_post' ? { client_id: clientId, client_secret: clientSecret } : {}
    t.strictSame(endpoint.asked.map(({ form }) => form), [
      { token: session.cold.refreshToken, token_type_hint: 'refresh_token', ...credentials },
      { token: session.accessToken, token_type_hint: 'access_token', ...credentials }
    ])
    for (const { authorization } of endpoint.asked) method === 'client_secret_post' ? t.equal(authorization, undefined) : t.match(authorization, /^Basic /)
    t.strictSame(complaints(log), [])
  }
})

t.test('S369: a provider without a revocation endpoint revokes nothing, and the logout is the same', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ discovery: { revocation_endpoint: undefined } })
  const { app, log } = await protectedApp(t, optionsFor(provider, { revoke_tokens_on_logout: true }))
  const answer = await app.inject({ url: '/logout', headers: { cookie: (await login(app)).cookie } })
  t.equal(answer.statusCode, 302)
  t.ok(isCleared(answer))
  t.equal(provider.count('revocation'), 0)
  t.strictSame(complaints(log), [])
})
