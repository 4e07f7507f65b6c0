import t, { type Test } from 'tap'
import type { Gateway, GatewayOptions } from 'fastify-oidc-gateway'
import { askRaw, keepLog, startGateway, startUpstream } from './parts.ts'
import { freePort } from '../support/free-port.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const SECRET = 'an-upstream-says-<b>this</b>'

const login = (more: object = {}) => ({
  discovery: 'http://127.0.0.1:9/.well-known/openid-configuration',
  client_id: 'app',
  client_secret: 'a client secret',
  session: { secret: 'a secret that is at least 32 characters long' },
  ...more
})

/** An address where nobody listens. */
async function nowhere (): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

interface Open { readonly gateway: Gateway, readonly origin: string, readonly lines: string[] }

async function open (t: Test, options: GatewayOptions): Promise<Open> {
  const { lines, stream } = keepLog()
  const gateway = await startGateway(t, { log: { level: 'info' }, ...options }, { logStream: stream })
  return { gateway, origin: await gateway.listen(), lines }
}

/** What a person, and a program, is answered; and that both can be found in the log. */
async function askBoth (t: Test, { origin, lines }: Open, path: string): Promise<{ readonly page: string, readonly json: Record<string, unknown>, readonly statuses: readonly number[] }> {
  const [page, json, fetched] = await Promise.all([
    askRaw(origin, path, BROWSER),
    askRaw(origin, path),
    askRaw(origin, path, { ...BROWSER, 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' })
  ])
  t.match(page.headers, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': /default-src 'none'/, 'x-frame-options': 'DENY' }, `${path}: a page`)
  for (const { headers } of [json, fetched]) t.match(headers, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }, `${path}: JSON`)
  const body = JSON.parse(json.body) as Record<string, unknown>
  const shown = /request (req-[0-9a-z]+)/.exec(page.body)?.[1]
  for (const id of [shown, body.requestId]) t.ok(lines.some(line => (JSON.parse(line) as { reqId?: string }).reqId === id), `${path}: ${String(id)} is in the log`)
  t.not(shown, body.requestId)
  return { page: page.body, json: body, statuses: [page.status, json.status, fetched.status] }
}

t.test('where no route leads, and where a path cannot be read, people get a page and programs JSON', async t => {
  const opened = await open(t, { routes: [{ uri: '/app/*', upstream: await startUpstream(t) }, { uri: '/other/*', upstream: await startUpstream(t) }] })
  const rows: ReadonlyArray<readonly [string, number, string]> = [
    ['/nowhere?code=secret', 404, 'FST_OIDC_GATEWAY_ROUTE_NOT_FOUND'],
    ['/app/..%2fother/x', 400, 'FST_OIDC_GATEWAY_AMBIGUOUS_PATH'],
    ['/app/%zz', 400, 'FST_OIDC_GATEWAY_UNREADABLE_REQUEST']
  ]
  for (const [path, status, code] of rows) {
    const { page, json, statuses } = await askBoth(t, opened, path)
    t.same(statuses, [status, status, status])
    t.match(json, { statusCode: status, code })
    t.match(page, `Error ${status}`)
    t.match(page, code)
    t.notMatch(page, /Try again/, 'it would end the same way')
    t.equal(opened.lines.filter(line => line.includes(`"code":"${code}"`)).length, 3, 'one line each')
  }
  t.notMatch(opened.lines.join(''), /code=secret/)
})

t.test('an upstream that is down, slow or talks nonsense is told of without its words; who asked can try again (O031)', async t => {
  const silent = await startUpstream(t, 'silent', () => {})
  const liar = await startUpstream(t, 'liar', (_request, response) => { response.socket?.end(`HTTP/1.1 ${SECRET}\r\n\r\n`) })
  const opened = await open(t, {
    routes: [
      { uri: '/down/*', upstream: await nowhere() },
      { uri: '/slow/*', upstream: { nodes: [{ host: '127.0.0.1', port: Number(new URL(silent).port), weight: 1 }], timeout: { read: 0.2 } } },
      { uri: '/lies/*', upstream: liar }
    ]
  })
  for (const [path, status, code] of [['/down/x?a=1&b=2', 502, 'BAD_GATEWAY'], ['/slow/x', 504, 'GATEWAY_TIMEOUT'], ['/lies/x', 502, 'BAD_GATEWAY']] as const) {
    const { page, json, statuses } = await askBoth(t, opened, path)
    t.same(statuses, [status, status, status])
    t.match(json, { code: `FST_OIDC_PROXY_${code}` })
    t.match(page, `<a class="b" href="${path.replace('&', '&amp;')}">Try again</a>`)
    for (const text of [page, JSON.stringify(json)]) t.notMatch(text, /upstream-says|ECONN|127\.0\.0\.1/)
    t.equal(opened.lines.filter(line => line.includes('"proxy.failed"') && line.includes('"level":50')).length, 3, 'one line each')
    t.equal(opened.lines.filter(line => line.includes('gateway.failed')).length, 0)
    opened.lines.length = 0
  }
})

t.test('what went wrong inside is a page, and the cause is for the log', async t => {
  const { lines, stream } = keepLog()
  const gateway = await startGateway(t, { log: { level: 'info' }, routes: [{ uri: '/app/*', upstream: await startUpstream(t) }] }, { logStream: stream })
  gateway.app.addHook('onRequest', async () => { throw new Error(SECRET) })
  const page = await gateway.app.inject({ url: '/app/x', headers: BROWSER })
  const json = await gateway.app.inject({ url: '/app/x' })
  t.same([page.statusCode, json.statusCode], [500, 500])
  t.match(page.body, /Error 500.*FST_OIDC_GATEWAY_REQUEST_FAILED/s)
  t.same({ ...json.json<object>(), requestId: '' }, { statusCode: 500, code: 'FST_OIDC_GATEWAY_REQUEST_FAILED', error: 'Internal Server Error', message: 'The request could not be served', requestId: '' })
  for (const { headers, body } of [page, json]) {
    t.equal(headers['cache-control'], 'no-store')
    t.notMatch(body, /upstream-says/)
  }
  t.equal(lines.filter(line => line.includes('gateway.failed') && line.includes('upstream-says')).length, 2)
})

t.test('a host whose login has pages of its own has its errors look like them, and no other host has', async t => {
  const folder = t.testdir({ 'error.html': '<title>{{.Title}}</title><p>{{.Message}}</p><i>{{.RequestID}}</i>{{.StatusCode}} of corp' })
  const upstream = await nowhere()
  const opened = await open(t, {
    endpoints: { custom_templates_dir: folder },
    routes: [
      { uri: '/app/*', host: 'a.example.com', upstream, plugins: { 'openid-connect': login({ unauth_action: 'pass' }) } },
      { uri: '/open/*', host: 'a.example.com', upstream },
      { uri: '/api/*', host: 'a.example.com', upstream, plugins: { 'openid-connect': login({ client_id: 'api', redirect_uri: '/api/callback', logout_path: '/api/logout', unauth_action: 'pass' }) } },
      { uri: '/*', host: 'b.example.com', upstream }
    ]
  })
  const pageOf = async (host: string, path: string): Promise<string> => (await askRaw(opened.origin, path, { ...BROWSER, host })).body
  t.match(await pageOf('a.example.com', '/app/x'), /<title>Bad Gateway<\/title><p>The upstream cannot be reached\.<\/p><i>req-\w+<\/i>502 of corp/)
  t.match(await pageOf('A.example.com.:80', '/open/x'), /502 of corp/, 'open routes too')
  t.match(await pageOf('a.example.com', '/nowhere'), /404 of corp/, 'and what has no route')
  t.match(await pageOf('a.example.com', '/app/%zz'), /400 of corp/, 'and what cannot be read')
  t.match(await pageOf('a.example.com', '/api/x'), /Error 502/, 'a login without endpoints has its own')
  for (const path of ['/x', '/%zz']) t.notMatch(await pageOf('b.example.com', path), /of corp/)
  t.notMatch(await pageOf('c.example.com', '/x'), /of corp/)
})

t.test('a login that answers programs alone has JSON for whoever asks', async t => {
  const opened = await open(t, {
    routes: [{ uri: '/*', upstream: await nowhere(), plugins: { 'openid-connect': login({ api_routes: ['^/api/'], unauth_action: 'pass' }) } }]
  })
  t.match((await askRaw(opened.origin, '/api/x', BROWSER)).headers['content-type'], 'application/json')
  t.match((await askRaw(opened.origin, '/api/%zz', BROWSER)).headers['content-type'], 'application/json')
  t.match((await askRaw(opened.origin, '/page', BROWSER)).headers['content-type'], 'text/html')
})
