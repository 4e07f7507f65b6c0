import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import t from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { gate } from '../forward-auth/parts.ts'
import { askRaw } from '../gateway/parts.ts'
import { reissue, now } from '../oidc/session-parts.ts'
import { testProvider } from '../oidc/support.ts'
import { startNginx } from '../support/nginx.ts'

const HEADERS = `
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-Uri $request_uri;
  proxy_set_header X-Forwarded-Method $request_method;
  proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;`

const ask = (name: string, gateway: number, query = ''): string => `location = ${name} { internal; proxy_pass http://127.0.0.1:${gateway}/oauth2/auth${query}; proxy_pass_request_body off; proxy_set_header Content-Length ""; ${HEADERS} }`

const configuration = (port: number, gateway: number, backend: number): string => `server {
  listen 127.0.0.1:${port};
  location /oauth2/ { proxy_pass http://127.0.0.1:${gateway}; ${HEADERS} }
  ${ask('/oauth2/auth', gateway)}
  ${ask('/ask/ops', gateway, '?allowed_groups=ops')}
  location / {
    auth_request /oauth2/auth;
    error_page 401 = @signin;
    auth_request_set $user $upstream_http_x_auth_request_user; proxy_set_header X-User $user;
    auth_request_set $token $upstream_http_x_auth_request_access_token; proxy_set_header X-Token $token;
    auth_request_set $cookie $upstream_http_set_cookie; add_header Set-Cookie $cookie always;
    proxy_pass http://127.0.0.1:${backend};
  }
  location /ops/ { auth_request /ask/ops; proxy_pass http://127.0.0.1:${backend}; }
  location /api/ { auth_request /oauth2/auth; proxy_pass http://127.0.0.1:${backend}; }
  location @signin { return 302 /oauth2/sign_in?rd=$scheme://$http_host$request_uri; }
}`

async function backendPort (): Promise<number> {
  const backend = Fastify({ forceCloseConnections: true, http: { maxHeaderSize: 65_536 } })
  t.teardown(async () => { await backend.close() })
  backend.all('/*', async (request, reply) => {
    if (request.url === '/missing') reply.code(404)
    return { url: request.url, method: request.method, user: request.headers['x-user'] ?? null, token: String(request.headers['x-token'] ?? '').length }
  })
  await backend.listen({ port: 0, host: '127.0.0.1' })
  return (backend.server.address() as AddressInfo).port
}

t.test('O227, O228, O193: nginx with auth_request asks, and passes on what it is told', async t => {
  const provider = await testProvider(t, { resource: 'urn:api', tokenSize: 9000 })
  const { app } = await gate(t, {
    provider,
    core: { session_contents: { id_token: true, access_token: true } },
    endpoints: { skip_provider_button: true, pass_access_token: true },
    server: { trustProxy: '127.0.0.1', http: { maxHeaderSize: 65_536 } } as never
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const gateway = (app.server.address() as AddressInfo).port
  const backend = await backendPort()
  const { port } = await startNginx(t, port => `large_client_header_buffers 8 32k;\n${configuration(port, gateway, backend)}`, {})
  const origin = `http://127.0.0.1:${port}`
  const browser = new Browser()

  const page = await browser.navigate(`${origin}/deep/link?x=1&y=%2F2`)
  t.equal(page.status, 200, page.body.slice(0, 200))
  t.match(JSON.parse(page.body), { url: '/deep/link?x=1&y=%2F2', user: 'alice' }, 'back at the deep link, with its query')
  t.ok(JSON.parse(page.body).token >= 9000, 'a token of 9 KB passes')
  t.equal((await new Browser().navigate(`${origin}/api/x`, { follow: false })).status, 401, 'an API gets a bare 401')
  t.equal((await browser.navigate(`${origin}/api/x`)).status, 200)
  t.equal((await browser.navigate(`${origin}/ops/x`)).status, 403, 'the rule of a location')
  t.equal((await browser.navigate(`${origin}/deep/again`)).status, 200, 'and the session is there still')
})

t.test('O183, O193: the cookie of a renewed session reaches the browser, on errors of the backend too', async t => {
  const provider = await testProvider(t)
  const { app } = await gate(t, { provider, endpoints: { skip_provider_button: true }, server: { trustProxy: '127.0.0.1' } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const backend = await backendPort()
  const { port } = await startNginx(t, port => configuration(port, (app.server.address() as AddressInfo).port, backend), {})
  const origin = `http://127.0.0.1:${port}`
  const browser = new Browser()
  t.equal((await browser.navigate(`${origin}/x`)).status, 200)
  const dead = await reissue(app, browser.cookieHeader(`${origin}/`), { accessTokenExpiresAt: now() - 60 })
  const answer = await fetch(`${origin}/missing`, { headers: { cookie: dead } })
  t.equal(answer.status, 404)
  t.match(answer.headers.get('set-cookie'), /^oidc=[\w-]{50,}; Max-Age=\d+/)
})

t.test('O229: through nginx no spelling of another path, and no method, opens what a rule does not', async t => {
  const provider = await testProvider(t)
  const { app } = await gate(t, { provider, core: { skip_auth_routes: ['^/public/', 'GET=^/x', '!=^/(?:api|x|admin|secret|ask|public)'] }, server: { trustProxy: '127.0.0.1' } })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const backend = await backendPort()
  const { port } = await startNginx(t, port => configuration(port, (app.server.address() as AddressInfo).port, backend), {})
  const closed = [[302, 401], [200]] as const
  const cases: ReadonlyArray<readonly [method: string, path: string, statuses: readonly number[]]> = [
    ['GET', '/public/page?x=1', closed[1]],
    ['GET', '/other/page', closed[1]],
    ['GET', '/x/page', closed[1]],
    ...['POST', 'DELETE', 'PUT'].map(method => [method, '/x/page', closed[0]] as const),
    ...['/public/%2e%2e/admin', '/public/../admin', '/public/..%2fadmin', '//admin/public/x', '/public%2f..%2fadmin', '/admin?x=/public/', '/admin%23/public/x', '/secret%23/public/', '/other/../api/x', '/api/%2e%2e/other/../api/x'].map(path => ['GET', path, closed[0]] as const)
  ]
  for (const [method, path, statuses] of cases) {
    const { status, body } = await askRaw(`http://127.0.0.1:${port}`, path, {}, method)
    t.ok(statuses.includes(status), `${method} ${path}: ${status} ${body.slice(0, 80)}`)
  }
  const forged = await askRaw(`http://127.0.0.1:${port}`, '/admin/x', { 'x-forwarded-uri': '/public/x', 'x-forwarded-method': 'GET', 'x-original-url': '/public/x', 'x-auth-request-redirect': '/public/x' })
  t.equal(forged.status, 302, 'what a caller sends under the names of the proxy is replaced')
})
