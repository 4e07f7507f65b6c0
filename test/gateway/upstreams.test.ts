import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import { checkConfiguration } from 'fastify-oidc-gateway'
import { ask, keepLog, startGateway, startUpstream } from './parts.ts'

const OIDC = { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', client_id: 'app', client_secret: 'x', session: { secret: 'a session secret that is long enough' }, unauth_action: 'deny' }

async function startAtSocket (t: { teardown (handler: () => unknown): void }, listener: RequestListener): Promise<{ path: string, server: ReturnType<typeof createServer> }> {
  const directory = await mkdtemp(join(tmpdir(), 'gateway-'))
  const path = join(directory, 'app.sock')
  const server = createServer(listener).listen(path)
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    server.closeAllConnections()
    await rm(directory, { recursive: true })
  })
  return { path, server }
}

async function problemOf (upstream: unknown): Promise<string> {
  const checked = await checkConfiguration({ value: { routes: [{ uri: '/*', upstream }] }, positionOf: () => null })
  return checked.kind === 'invalid' ? checked.problems.map(({ path, message }) => `${path.join('.')} ${message}`).join('\n') : ''
}

t.test('a server at a Unix socket gets requests, bodies and WebSockets, with the headers that any upstream gets', async t => {
  const { path, server } = await startAtSocket(t, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    request.on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify({ url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() })))
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => { socket.on('message', message => { socket.send(`echo ${String(message)}`) }) })
  for (const upstream of [`unix:${path}`, `unix://${path}`]) {
    const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream }] })
    const response = await gateway.app.inject({ method: 'POST', url: '/a?b=c', headers: { host: 'app.example.com', 'x-userinfo': 'forged', 'content-type': 'text/plain' }, payload: 'hello' })
    const { headers, ...rest } = response.json<{ headers: Record<string, string> }>()
    t.same(rest, { url: '/a?b=c', body: 'hello' })
    t.match(headers, { host: 'app.example.com', 'x-forwarded-proto': 'http' })
    t.notOk('x-userinfo' in headers)
    const socket = new WebSocket(`${(await gateway.listen()).replace('http', 'ws')}/ws`)
    await once(socket, 'open')
    socket.send('hello')
    t.equal(String((await once(socket, 'message'))[0]), 'echo hello')
    socket.close()
  }
})

t.test('a socket that does not exist is 502, and the log says what to do', async t => {
  const { stream, lines } = keepLog()
  const gateway = await startGateway(t, { log: { level: 'error' }, routes: [{ uri: '/*', upstream: 'unix:/nowhere/app.sock' }] }, { logStream: stream })
  t.equal((await ask(gateway, '/')).status, 502)
  t.match(lines.join(''), /the socket of the upstream does not exist/)
})

t.test('static:// answers with its status, whatever the method and the body', async t => {
  const gateway = await startGateway(t, { routes: [{ uri: '/gone', upstream: 'static://410' }, { uri: '/*', upstream: 'static://204' }] })
  const gone = await gateway.app.inject({ url: '/gone' })
  t.match({ status: gone.statusCode, body: gone.body, type: gone.headers['content-type'], cache: gone.headers['cache-control'] }, { status: 410, body: 'Gone\n', type: 'text/plain; charset=utf-8', cache: 'no-store' })
  const posted = await gateway.app.inject({ method: 'POST', url: '/x', headers: { 'content-type': 'application/json' }, payload: '{ not JSON' })
  t.equal(posted.statusCode, 204)
  t.equal(posted.body, '')
  t.equal((await gateway.app.inject({ method: 'HEAD', url: '/gone' })).statusCode, 410)
  t.equal((await gateway.app.inject({ method: 'DELETE', url: '/y', headers: { 'content-type': 'x/y' }, payload: 'z' })).statusCode, 204)
})

t.test('static:// is behind the guard, and takes its turn with other routes', async t => {
  const plugins = { 'openid-connect': OIDC }
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/check', upstream: 'static://202', plugins },
      { uri: '/*', methods: ['GET'], host: 'closed.example.com', upstream: 'static://503' },
      { uri: '/*', upstream: await startUpstream(t) }
    ]
  })
  t.equal((await ask(gateway, '/check')).status, 401)
  t.equal((await ask(gateway, '/', { host: 'closed.example.com' })).status, 503)
  t.equal((await ask(gateway, '/', { host: 'closed.example.com', method: 'POST' })).status, 200)
  t.equal((await ask(gateway, '/')).status, 200)
})

t.test('what is no upstream is a mistake', async t => {
  for (const upstream of ['unix:', 'unix:app.sock', 'unix://app.sock', 'unix:/run/', `unix:/${'x'.repeat(107)}`, 'unix:/run/\0']) t.match(await problemOf(upstream), /routes\.0\.upstream must be unix: and the absolute path/, upstream)
  for (const upstream of ['static://', 'static://99', 'static://100', 'static://600', 'static://200/x', 'static:200', 'static://2e2']) t.match(await problemOf(upstream), /upstream must be static:\/\/ and a status/, upstream)
  for (const upstream of ['ftp://x', 'constructor:x', 'h2c://x']) t.match(await problemOf(upstream), /upstream must be an http:, https:, unix:, file:, static: URL/, upstream)
  t.match(await problemOf('nothing'), /upstream is not a URL/)
  t.equal(await problemOf('unix:///run/app.sock'), '')
})
