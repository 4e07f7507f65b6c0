import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import t, { type Test } from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { createTestProvider, type TestProvider } from 'fastify-oidc-testing'
import { FILE, refusals, translate } from '../gateway/import-oauth2-proxy-parts.ts'
import { startGateway, startUpstream, type Received } from '../gateway/parts.ts'
import { movableClock } from '../oidc/session-parts.ts'
import { startNginx } from '../support/nginx.ts'
import { launchBrowser, newPage } from './support/browser.ts'

const example = (name: string): string => readFileSync(new URL(`../../examples/forward-auth/${name}`, import.meta.url), 'utf8')

/** What the example says of sessions that are several cookies, with the name that OAuth2 Proxy has for them. */
const [above = '', inside = ''] = [...example('README.md').matchAll(/```nginx\n([^]*?)```/g)].map(([, text = '']) => text.replaceAll('app_session', '_oauth2_proxy'))

const OPS = `
  location = /ask/ops {
    internal;
    proxy_pass http://127.0.0.1:4180/oauth2/auth?allowed_groups=ops;
    proxy_pass_request_body off;
    proxy_set_header Content-Length     "";
    proxy_set_header Host               $http_host;
    proxy_set_header X-Forwarded-Host   $http_host;
    proxy_set_header X-Forwarded-Proto  $scheme;
    proxy_set_header X-Forwarded-Uri    $request_uri;
    proxy_set_header X-Forwarded-Method $request_method;
  }
  location /ops/ { auth_request /ask/ops; proxy_pass http://127.0.0.1:8081; }
`

interface Site { readonly origin: string, readonly port: number }

/** nginx with the file of the example, in front of a gateway that runs a file of OAuth2 Proxy. */
async function startSite (t: Test, { clientId, clientSecret, issuer }: TestProvider, options: Record<string, unknown>, without: RegExp = /$^/): Promise<Site> {
  const imported = translate({
    ...FILE,
    client_id: clientId,
    client_secret: clientSecret,
    oidc_issuer_url: issuer,
    cookie_secure: false,
    reverse_proxy: true,
    trusted_proxy_ips: ['127.0.0.1'],
    set_xauthrequest: true,
    upstreams: [],
    ...options
  }, { listen: { host: '127.0.0.1', port: 0 } })
  t.same(refusals(imported), [])
  const gateway = await startGateway(t, imported.value as unknown as GatewayOptions)
  const [gatewayPort, servicePort] = [new URL(await gateway.listen()).port, new URL(await startUpstream(t)).port]
  const configuration = (above + example('nginx.conf'))
    .replace('add_header Set-Cookie $renewed always;', line => `${line}\n${inside}`)
    .replace('  location @signin', location => OPS + location)
    .replaceAll('127.0.0.1:4180', `127.0.0.1:${gatewayPort}`)
    .replaceAll('127.0.0.1:8081', `127.0.0.1:${servicePort}`)
    .split('\n').filter(line => !without.test(line)).join('\n')
  const { port } = await startNginx(t, own => configuration.replace('127.0.0.1:8080', `127.0.0.1:${own}`))
  return { port, origin: `http://127.0.0.1:${port}` }
}

t.test('O227 O105 O233 O193 O228: a browser signs in behind nginx, and a session of two cookies is renewed', async t => {
  const clock = movableClock(t)
  const provider = await createTestProvider({ autoLogin: 'alice', resource: 'urn:api', tokenSize: 3000 })
  t.teardown(async () => { await provider.close() })
  const { origin } = await startSite(t, provider, { cookie_refresh: '1m', provider_display_name: 'Example' })
  const browser = await launchBrowser(t)
  const page = await newPage(t, browser)
  const shown = async (): Promise<Received> => JSON.parse(await page.textContent('body') ?? '') as Received
  const session = async (): Promise<ReadonlyArray<readonly [string, string]>> => (await page.context().cookies(origin)).filter(({ name }) => /^_oauth2_proxy(?:_\d+)?$/.test(name)).map(({ name, value }) => [name, value] as const).sort()

  t.equal((await page.goto(`${origin}/deep/link?x=1&y=%2F2`))?.status(), 200)
  t.match(page.url(), `${origin}/oauth2/sign_in?rd=`, 'a page with a button')
  await page.click('text=Sign in with Example')
  await page.waitForURL(`${origin}/deep/link?x=1&y=%2F2`)
  t.match(await shown(), { url: '/deep/link?x=1&y=%2F2', headers: { 'x-user': 'alice', 'x-email': 'alice@example.test' } }, 'back at the deep link with its query')
  const before = await session()
  t.strictSame(before.map(([name]) => name), ['_oauth2_proxy', '_oauth2_proxy_1'])
  t.equal(provider.count('POST /token'), 1)

  clock.advance(400)
  t.equal((await page.goto(`${origin}/deep/again`))?.status(), 200)
  t.equal(provider.count('POST /token'), 2, 'the session is renewed')
  const after = await session()
  t.strictSame(after.map(([name]) => name), before.map(([name]) => name))
  t.ok(after.every(([, value], index) => value !== before[index]?.[1]), 'both of its cookies are new to the browser')
  t.equal((await page.goto(`${origin}/deep/more`))?.status(), 200)
  t.match(await shown(), { url: '/deep/more', headers: { 'x-user': 'alice' } })
  t.equal(provider.count('POST /token'), 2, 'and are taken')

  t.equal((await page.goto(`${origin}/ops/x`))?.status(), 403, 'a location has a rule for groups')
  t.equal((await page.goto(`${origin}/deep/link`))?.status(), 200, 'which ends no session')
  const call = async (): Promise<readonly [number, string | null]> => await page.evaluate(async () => { const { status, headers } = await fetch('/api/x'); return [status, headers.get('location')] as const })
  t.strictSame(await call(), [200, null])
  await page.context().clearCookies()
  t.strictSame(await call(), [401, null], 'an API gets a bare 401')
})

/** Of a path as it is written: fetch would resolve its dots. */
async function statusAt (port: number, method: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> {
  return await new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, method, path, headers }, response => { response.resume(); resolve(response.statusCode) }).on('error', reject).end()
  })
}

t.test('O229 O148 O149 O150: what nginx says of a request opens what the file opens, and nothing else', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const file = { skip_auth_routes: ['GET=^/public/', '!=^/(?:api|deep|public|secret)'] }
  const { port } = await startSite(t, provider, file)
  const status = async (method: string, path: string, headers: Record<string, string> = {}): Promise<number | undefined> => await statusAt(port, method, path, headers)
  const opened = await Promise.all(['/public/x', '/public/x?next=/secret', '/other'].map(async path => await status('GET', path)))
  t.strictSame(opened, [200, 200, 200])
  for (const path of ['/secret', '/secret?x=/public/', '/secret%23/public/', '/public/%2e%2e/secret', '/public/../secret', '/public/..%2fsecret', '//secret/public/x', '/public%2f..%2fsecret', '/public/%252e%252e/secret']) {
    t.equal(await status('GET', path), 302, path)
  }
  for (const method of ['POST', 'DELETE']) t.equal(await status(method, '/public/x'), 302, method)
  t.equal(await status('GET', '/api/x', { 'x-forwarded-uri': '/public/x', 'x-original-uri': '/public/x' }), 401, 'what a client says of the path is not looked at')
  t.equal(await status('POST', '/secret', { 'x-forwarded-method': 'GET', 'x-forwarded-uri': '/public/x' }), 302)
  const silent = await startSite(t, provider, file, /X-Forwarded-Uri/)
  for (const path of ['/public/x', '/other']) t.equal(await statusAt(silent.port, 'GET', path), 302, `${path}, of which nginx says nothing`)
})
