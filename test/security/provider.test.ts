import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { login } from 'fastify-oidc-testing'
import { complaints } from '../oidc/flow.ts'
import { lyingProvider } from '../oidc/session-parts.ts'
import { optionsFor, protectedApp } from '../oidc/support.ts'
import { upstreamCertificate } from '../proxy/certificates.ts'

const ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'jwks_uri', 'end_session_endpoint', 'revocation_endpoint']

/** A discovery document over https, with something in it. */
async function secureDiscovery (t: Test, overlay: Record<string, unknown>): Promise<{ discovery: string, clientId: string, clientSecret: string }> {
  const server = createServer(upstreamCertificate, (_request, response) => {
    const honest = Object.fromEntries(ENDPOINTS.map(name => [name, `${issuer}/${name}`]))
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ issuer, ...honest, ...overlay }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => { server.close(); server.closeAllConnections() })
  return { discovery: `${issuer}/.well-known/openid-configuration`, clientId: 'app', clientSecret: 'a secret of the client' }
}

interface Test { teardown (run: () => unknown): void }

t.test('a document that came over https cannot send secrets, codes or browsers to http', async t => {
  for (const name of ENDPOINTS) {
    const provider = await secureDiscovery(t, { [name]: 'http://127.0.0.1:9/plain' })
    const { app, log } = await protectedApp(t, optionsFor(provider, { ssl_verify: false }))
    const response = await app.inject({ url: '/' })
    t.equal(response.statusCode, 502, name)
    t.notMatch(response.body, /http:/)
    t.match(complaints(log).map(({ msg }) => String(msg)).join('\n'), name)
    const written = await protectedApp(t, optionsFor(provider, { ssl_verify: false, [name]: 'http://127.0.0.1:9/plain' }))
    t.equal((await written.app.inject({ url: '/' })).statusCode, 302, `${name}, where the options say so`)
  }
  const { app } = await protectedApp(t, optionsFor(await secureDiscovery(t, {}), { ssl_verify: false }))
  t.match((await app.inject({ url: '/' })).headers.location, /^https:/)
})

t.test('nor tokens that are introspected', async t => {
  const asked: string[] = []
  const plain = createPlainServer((request, response) => { asked.push(request.url ?? ''); response.setHeader('content-type', 'application/json').end('{"active":true,"sub":"alice","scope":"openid"}') })
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => { plain.close(); plain.closeAllConnections() })
  const endpoint = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/introspect`
  const provider = await secureDiscovery(t, { introspection_endpoint: endpoint })
  const ask = async (more: Record<string, string>): Promise<number> => {
    const { app } = await protectedApp(t, optionsFor(provider, { ssl_verify: false, bearer_only: true, security_profile: 'apisix', ...more }))
    return (await app.inject({ url: '/', headers: { authorization: 'Bearer some-token' } })).statusCode
  }
  t.equal(await ask({}), 502)
  t.strictSame(asked, [])
  t.equal(await ask({ introspection_endpoint: endpoint }), 200, 'where the options say so')
})

t.test('a redirect of the provider is not followed', async t => {
  const asked: string[] = []
  const provider = await lyingProvider(t)
  const target = createPlainServer((request, response) => { asked.push(request.url ?? ''); response.end('{}') })
  target.listen(0, '127.0.0.1')
  await once(target, 'listening')
  t.teardown(() => target.close())
  const trap = createPlainServer((_request, response) => { response.writeHead(307, { location: `http://127.0.0.1:${(target.address() as AddressInfo).port}/metadata` }).end() })
  trap.listen(0, '127.0.0.1')
  await once(trap, 'listening')
  t.teardown(() => trap.close())
  const trapped = `http://127.0.0.1:${(trap.address() as AddressInfo).port}`
  for (const name of ['discovery', 'token_endpoint', 'jwks_uri', 'userinfo_endpoint'] as const) {
    const { app } = await protectedApp(t, optionsFor(provider, { [name]: `${trapped}/x` }))
    await login(app).catch(() => null)
  }
  t.strictSame(asked, [])
})

t.test('a provider whose list of methods has names of every object is asked as configured', async t => {
  const provider = await lyingProvider(t)
  provider.lie({ discovery: { token_endpoint_auth_methods_supported: ['toString', 'constructor', '__proto__'] } })
  const { app } = await protectedApp(t, optionsFor(provider))
  t.equal((await login(app)).response.status, 200)
})
