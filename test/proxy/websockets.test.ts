import t from 'tap'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import type { ProxyOptions } from 'fastify-oidc-proxy'
import { ca, upstreamCertificate } from './certificates.ts'
import { alice, listen, startFront, until, type Front, type Teardown } from './parts.ts'

interface SocketUpstream {
  readonly url: string
  /** Requests that became sockets. */
  readonly requests: IncomingMessage[]
  readonly sockets: WebSocket[]
}

/** Tells each client its headers first, and echoes then. */
async function startSockets (t: Teardown, server: net.Server = http.createServer(), scheme = 'http'): Promise<SocketUpstream> {
  const requests: IncomingMessage[] = []
  const sockets: WebSocket[] = []
  const wss = new WebSocketServer({ server: server as http.Server })
  wss.on('connection', (socket, request) => {
    requests.push(request)
    sockets.push(socket)
    socket.send(JSON.stringify({ url: request.url, headers: request.headers }))
    socket.on('message', (message, isBinary) => { socket.send(message, { binary: isBinary }) })
  })
  const port = await listen(t, server)
  return { url: `${scheme}://127.0.0.1:${port}`, requests, sockets }
}

function open (t: Teardown, front: Front, path = '/ws', headers: Record<string, string> = alice, protocols: string[] = []): WebSocket {
  const socket = new WebSocket(`${front.origin.replace('http', 'ws')}${path}`, protocols, { headers })
  socket.on('error', () => {})
  t.teardown(() => { socket.terminate() })
  return socket
}

async function message (socket: WebSocket): Promise<string> {
  const [received] = await once(socket, 'message') as [Buffer]
  return received.toString()
}

async function closed (socket: WebSocket): Promise<[number, string]> {
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  return [code, reason.toString()]
}

async function start (t: Teardown, options: ProxyOptions = {}): Promise<{ upstream: SocketUpstream, front: Front }> {
  const upstream = await startSockets(t)
  return { upstream, front: await startFront(t, { upstream: upstream.url, ...options }) }
}

t.test('O034: without a session the upgrade is 401, and the upstream hears nothing', async t => {
  const { upstream, front } = await start(t)
  const socket = open(t, front, '/ws', {})
  const [, response] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
  t.equal(response.statusCode, 401)
  t.equal(response.headers['www-authenticate'], 'Bearer')
  t.equal(upstream.requests.length, 0)
})

t.test('the upstream is told who calls; our cookies and what the client claims stay here', async t => {
  const { front } = await start(t, { prefix: '/api', rewrite_prefix: '/inner' })
  const socket = open(t, front, '/api/ws?q=1', { cookie: 'a=1; session=alice', 'x-userinfo': 'forged', 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', 'proxy-authorization': 'x', 'x-foo': '1' })
  const { url, headers } = JSON.parse(await message(socket)) as { url: string, headers: Record<string, string> }
  t.equal(url, '/inner/ws?q=1')
  t.match(headers, { 'x-access-token': 'token-of-alice', cookie: 'a=1', 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-foo': '1', connection: 'Upgrade', upgrade: 'websocket' })
  t.not(headers['x-userinfo'], 'forged')
  t.notOk('proxy-authorization' in headers)
})

t.test('O202, W1: Connection takes nothing of ours away, and what it names does not go on', async t => {
  const { front, upstream } = await start(t)
  const socket = net.connect(front.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET /ws HTTP/1.1\r\nHost: app.example.com\r\nCookie: session=alice\r\nUpgrade: websocket\r\nConnection: Upgrade, X-Foo, x-access-token\r\nX-Foo: 1\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  await until(() => upstream.requests.length === 1)
  const headers = upstream.requests[0]?.headers
  t.equal(headers?.['x-access-token'], 'token-of-alice')
  t.notOk(headers !== undefined && 'x-foo' in headers)
  t.equal(headers?.host, upstream.url.slice(7))
})

t.test('O034: text, binary, sub-protocol and close codes pass both ways', async t => {
  const { front, upstream } = await start(t, { pass_host: 'pass' })
  const socket = open(t, front, '/ws', alice, ['chat.v1', 'chat.v2'])
  const { headers } = JSON.parse(await message(socket)) as { headers: Record<string, string> }
  t.equal(headers['sec-websocket-protocol'], 'chat.v1')
  t.equal(headers.host, `127.0.0.1:${front.port}`)
  t.equal(socket.protocol, 'chat.v1')
  socket.send('text')
  t.equal(await message(socket), 'text')
  socket.send(Buffer.from([0, 255]))
  const [bytes, isBinary] = await once(socket, 'message') as [Buffer, boolean]
  t.same([bytes, isBinary], [Buffer.from([0, 255]), true])
  const [first] = upstream.sockets
  t.ok(first)
  first?.close(4001, 'enough')
  t.same(await closed(socket), [4001, 'enough'])
  const second = open(t, front)
  await message(second)
  const gone = once(upstream.sockets[1] as WebSocket, 'close') as Promise<[number, Buffer]>
  second.close(4002, 'bye')
  t.match((await gone).map(String), ['4002', 'bye'])
})

t.test('a session that ends closes its sockets with 1008, on both sides, and no others', async t => {
  const { front, upstream } = await start(t)
  const mine = open(t, front)
  const other = open(t, front, '/ws', { cookie: 'session=bob' })
  await Promise.all([message(mine), message(other)])
  const upstreamClosed = upstream.sockets.map(async socket => await once(socket, 'close') as [number, Buffer])
  front.sessions.end('alice')
  t.same(await closed(mine), [1008, 'The session ended'])
  t.equal((await Promise.race(upstreamClosed))[0], 1008)
  other.send('still here')
  t.equal(await message(other), 'still here')
  await until(() => front.sessions.listening('alice') === 0)
})

t.test('a session that ends before the upstream has answered closes the socket when it does', async t => {
  const wss = new WebSocketServer({ noServer: true })
  const accepts: Array<() => void> = []
  const slow = http.createServer().on('upgrade', (request, socket, head) => { accepts.push(() => { wss.handleUpgrade(request, socket, head, () => {}) }) })
  const front = await startFront(t, { upstream: `http://127.0.0.1:${await listen(t, slow)}` })
  const socket = open(t, front)
  await once(socket, 'open')
  await until(() => accepts.length === 1)
  front.sessions.end('alice')
  accepts[0]?.()
  t.same(await closed(socket), [1008, 'The session ended'])
})

t.test('a client that ignores the close says nothing more to the upstream', async t => {
  const { front, upstream } = await start(t)
  const received: string[] = []
  const raw = net.connect(front.port, '127.0.0.1')
  t.teardown(() => raw.destroy())
  raw.write('GET /ws HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
  await until(() => upstream.sockets.length === 1)
  upstream.sockets[0]?.on('message', data => { received.push(String(data)) })
  const frame = (text: string): Buffer => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
  raw.write(frame('before'))
  await until(() => received.length === 1)
  front.sessions.end('alice')
  const over = once(upstream.sockets[0] as WebSocket, 'close')
  raw.write(frame('after'))
  await over
  t.same(received, ['before'])
})

t.test('listeners go with their sockets; bearer callers need none', async t => {
  const { front } = await start(t)
  const sockets = Array.from({ length: 5 }, () => open(t, front))
  await Promise.all(sockets.map(message))
  t.equal(front.sessions.listening('alice'), 5)
  for (const socket of sockets) socket.close()
  await until(() => front.sessions.listening('alice') === 0)
  const bearer = open(t, front, '/ws', { authorization: 'Bearer carol' })
  t.match(await message(bearer), 'token-of-carol')
  t.equal(front.sessions.registered(), 5)
})

t.test('an upstream that cannot be reached closes the socket with 1011, and tells the log alone', async t => {
  const front = await startFront(t, { upstream: 'http://127.0.0.1:1' })
  t.same(await closed(open(t, front)), [1011, 'The upstream cannot be reached'])
  t.match(await front.logged('proxy.failed'), { upstream: 'http://127.0.0.1:1', err: { code: 'ECONNREFUSED' } })
  await until(() => front.sessions.listening('alice') === 0)
})

t.test('a header that cannot be sent closes the socket with 1011, and leaves nobody waiting', async t => {
  const { upstream, front } = await start(t, { add_headers: () => ({ 'x-name': 'J\u20acan\r\nX-Admin: 1' }) })
  t.same(await closed(open(t, front)), [1011, 'The upstream cannot be reached'])
  t.match(await front.logged('proxy.failed'), { upstream: upstream.url, err: { code: 'ERR_INVALID_CHAR' } })
  t.same(upstream.requests, [])
  await until(() => front.sessions.listening('alice') === 0)
})

t.test('an upstream that refuses the upgrade closes the socket, and its connection is not left behind', async t => {
  let gone = 0
  const refusing = http.createServer().on('upgrade', (_request, socket) => {
    socket.once('end', () => { gone++ }).resume()
    socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno')
  })
  const port = await listen(t, refusing)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}` })
  t.equal((await closed(open(t, front)))[0], 1011)
  await until(() => gone === 1)
  t.match(await front.logged('proxy.websocket.refused'), { status: 403 })
})

t.test('an upstream that answers no upgrade is given up after connect_timeout', async t => {
  const port = await listen(t, net.createServer(() => {}))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, connect_timeout: 0.2 })
  t.same(await closed(open(t, front)), [1011, 'The upstream cannot be reached'])
})

t.test('TLS upstreams are verified, and a long complaint does not end the process', async t => {
  const { url } = await startSockets(t, https.createServer(upstreamCertificate), 'https')
  const wrong = await startFront(t, { upstream: url.replace('127.0.0.1', 'localhost'), ca })
  t.same(await closed(open(t, wrong)), [1011, 'The upstream cannot be reached'])
  t.match(await wrong.logged('proxy.failed'), { err: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }, msg: /server_name/ })
  const right = await startFront(t, { upstream: url.replace('127.0.0.1', 'localhost'), ca, server_name: 'upstream.test' })
  t.match(await message(open(t, right)), 'token-of-alice')
})

t.test('get_upstream chooses for sockets as well; a bad choice is a 500 before the upgrade', async t => {
  const one = await startSockets(t)
  const front = await startFront(t, { get_upstream: async request => request.headers['x-bad'] === undefined ? one.url : 'nothing' })
  t.match(await message(open(t, front)), 'token-of-alice')
  const [, response] = await once(open(t, front, '/ws', { ...alice, 'x-bad': '1' }), 'unexpected-response') as [unknown, IncomingMessage]
  t.equal(response.statusCode, 500)
})

t.test('max_body holds messages of both sides', async t => {
  const { front, upstream } = await start(t, { max_body: 1000 })
  const big = open(t, front)
  await message(big)
  big.send('x'.repeat(1001))
  t.equal((await closed(big))[0], 1009)
  const other = open(t, front)
  await message(other)
  upstream.sockets[1]?.send('x'.repeat(1001))
  t.equal((await closed(other))[0], 1011)
})

t.test('dot segments and bad paths do not upgrade', async t => {
  const { front, upstream } = await start(t, { prefix: '/api' })
  for (const path of ['/api/..;/x', '/api/..%2fx']) {
    const [, response] = await once(open(t, front, path), 'unexpected-response') as [unknown, IncomingMessage]
    t.equal(response.statusCode, 400, path)
  }
  t.equal(upstream.requests.length, 0)
})

t.test('closing the application closes its sockets', async t => {
  const { front } = await start(t)
  const socket = open(t, front)
  await message(socket)
  const over = closed(socket)
  await front.app.close()
  await over
  t.equal(front.sessions.listening('alice'), 0)
})

t.test('a side that does not read stops the other, and gets everything when it does', async t => {
  const { upstream, front } = await start(t)
  const block = Buffer.alloc(1024 * 1024)
  const client = open(t, front)
  await message(client)
  const [server] = upstream.sockets
  if (server === undefined) throw new TypeError('no socket')
  server.removeAllListeners('message')
  for (const [from, to] of [[server, client], [client, server]] as const) {
    let arrived = 0
    to.on('message', () => { arrived++ })
    to.pause()
    for (let count = 0; count < 64; count++) from.send(block)
    let isTime = false
    setTimeout(() => { isTime = true }, 500)
    await until(() => isTime || from.bufferedAmount === 0)
    t.ok(from.bufferedAmount > 32 * block.length, 'it waits where it came from')
    to.resume()
    await until(() => arrived === 64)
  }
})
