import t from 'tap'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { alice, listen, sendRaw, startFront, startUpstream, until, type Front, type Teardown } from './parts.ts'
import { freePort } from '../support/free-port.ts'

async function ask (front: Front, init: RequestInit = {}): Promise<{ status: number, body: { code: string, message: string } }> {
  const response = await fetch(`${front.origin}/x`, { ...init, headers: { ...alice, ...init.headers } })
  return { status: response.status, body: await response.json() as { code: string, message: string } }
}

/** An upstream that does this with each connection, and counts them. */
async function startOdd (t: Teardown, behave: (socket: net.Socket) => void): Promise<{ url: string, connections: () => number }> {
  let connections = 0
  const port = await listen(t, net.createServer(socket => {
    connections++
    behave(socket)
  }))
  return { url: `http://127.0.0.1:${port}`, connections: () => connections }
}

t.test('a refused connection is 502; the caller learns nothing, the log says what to do', async t => {
  const port = await freePort()
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}` })
  const { status, body } = await ask(front)
  t.equal(status, 502)
  t.same(body, { statusCode: 502, code: 'FST_OIDC_PROXY_BAD_GATEWAY', error: 'Bad Gateway', message: 'The upstream cannot be reached' })
  t.match(await front.logged('proxy.failed'), { level: 50, upstream: `http://127.0.0.1:${port}`, err: { code: 'ECONNREFUSED' }, msg: /start it/ })
  t.equal(front.log.length, 1)
})

t.test('a refused connection during an upload is 502, and the connection is closed behind it', async t => {
  const front = await startFront(t, { upstream: `http://127.0.0.1:${await freePort()}` })
  t.equal((await ask(front, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'hello' })).status, 502)
  const answer = await sendRaw(front.port, 'POST /x HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\nGET /smuggled HTTP/1.1')
  t.match(answer, /^HTTP\/1\.1 502 /)
  t.match(answer, /connection: close/i)
})

t.test('a refused connection during an upload over HTTP/2 is 502', async t => {
  const front = await startFront(t, { upstream: `http://127.0.0.1:${await freePort()}` }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ':method': 'POST', 'content-type': 'text/plain', ...alice })
  stream.end('hello')
  const [headers] = await once(stream, 'response') as [http2.IncomingHttpHeaders]
  t.equal(headers[':status'], 502)
  stream.close()
})

t.test('a name that does not resolve is 502', async t => {
  const front = await startFront(t, { upstream: 'http://no-such-host.invalid' })
  t.equal((await ask(front)).status, 502)
  t.match(await front.logged('proxy.failed'), { msg: /resolve/ })
})

t.test('an upstream that hangs up, or does not speak HTTP, is 502', async t => {
  const shapes: Array<(socket: net.Socket) => void> = [
    socket => { socket.once('data', () => socket.end()) },
    socket => { socket.once('data', () => socket.resetAndDestroy()) },
    socket => { socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9\r\n')) },
    socket => { socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello')) },
    socket => { socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')) },
    socket => { socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`)) },
    socket => { socket.once('data', () => socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')) }
  ]
  for (const [index, shape] of shapes.entries()) {
    const odd = await startOdd(t, shape)
    const front = await startFront(t, { upstream: odd.url })
    const { status, body } = await ask(front)
    t.equal(status, 502, `shape ${index}`)
    t.equal(body.code, 'FST_OIDC_PROXY_BAD_GATEWAY')
    t.equal(odd.connections(), 1, 'no second try')
  }
})

t.test('nothing is repeated: neither a 503 nor a POST whose connection broke', async t => {
  let requests = 0
  const busy = await startUpstream(t, (_request, response) => {
    requests++
    response.writeHead(503, { 'retry-after': '7' }).end('busy')
  })
  const front = await startFront(t, { upstream: busy.url })
  const response = await fetch(front.origin, { headers: alice })
  t.equal(response.status, 503)
  t.equal(response.headers.get('retry-after'), '7')
  t.equal(await response.text(), 'busy')
  t.equal(requests, 1)
  let posts = 0
  const odd = await startUpstream(t, request => {
    posts++
    request.socket.destroy()
  })
  const second = await startFront(t, { upstream: odd.url })
  t.equal((await ask(second, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).status, 502)
  t.equal(posts, 1)
})

t.test('an upstream that does not answer in time is 504', async t => {
  const hanging = await startOdd(t, () => {})
  const front = await startFront(t, { upstream: hanging.url, headers_timeout: 0.2 })
  const { status, body } = await ask(front)
  t.equal(status, 504)
  t.same(body, { statusCode: 504, code: 'FST_OIDC_PROXY_GATEWAY_TIMEOUT', error: 'Gateway Timeout', message: 'The upstream did not answer in time' })
  t.match(await front.logged('proxy.failed'), { msg: /headers_timeout/ })
  t.equal((await ask(front, { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' })).status, 504)
})

t.test('a connection that does not come to stand in time is 504', async t => {
  const mute = await startOdd(t, () => {})
  const front = await startFront(t, { upstream: mute.url.replace('http:', 'https:'), connect_timeout: 0.2 })
  t.equal((await ask(front)).status, 504)
  t.match(await front.logged('proxy.failed'), { msg: /connect_timeout/ })
})

t.test('an upstream that dies in the middle of an answer takes the client\'s connection with it', async t => {
  for (const head of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const odd = await startOdd(t, socket => {
      socket.once('data', () => { socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n5\r\nhello\r\n`, () => { setTimeout(() => socket.destroy(), 50) }) })
    })
    const front = await startFront(t, { upstream: odd.url })
    const answer = await sendRaw(front.port, 'GET /x HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\n\r\n').catch((error: NodeJS.ErrnoException) => String(error.code))
    t.notMatch(answer, /\r\n0\r\n\r\n$/, 'it does not look complete')
    await t.rejects(async () => await (await fetch(front.origin, { headers: alice })).text(), head)
  }
})

t.test('an answer that falls silent is given up after body_timeout', async t => {
  const odd = await startOdd(t, socket => { socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello') }) })
  const front = await startFront(t, { upstream: odd.url, body_timeout: 0.2 })
  await t.rejects(async () => await (await fetch(front.origin, { headers: alice })).text())
})

t.test('a client that leaves before the answer takes its upstream request with it', async t => {
  let begun = 0
  let ended = 0
  const upstream = await startUpstream(t, request => {
    begun++
    request.socket.once('close', () => { ended++ })
  })
  const front = await startFront(t, { upstream: upstream.url })
  const get = http.get(`${front.origin}/x`, { headers: alice }).on('error', () => {})
  await until(() => begun === 1)
  get.destroy()
  await until(() => ended === 1)
  const post = http.request(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain', 'content-length': 1000 } }).on('error', () => {})
  post.write('hello')
  await until(() => begun === 2)
  post.destroy()
  await until(() => ended === 2)
  t.match(await front.logged('proxy.abandoned'), { level: 20 })
  t.notOk(front.log.some(line => line.oidc === 'proxy.failed'), 'that is no failure of the upstream')
})

t.test('an HTTP/2 client that leaves before the answer takes its upstream request with it', async t => {
  let begun = 0
  let ended = 0
  const upstream = await startUpstream(t, request => {
    begun++
    request.socket.once('close', () => { ended++ })
  })
  const front = await startFront(t, { upstream: upstream.url }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ...alice }).on('error', () => {})
  await until(() => begun === 1)
  stream.close(http2.constants.NGHTTP2_CANCEL)
  await until(() => ended === 1)
  t.match(await front.logged('proxy.abandoned'), { level: 20 })
})

t.test('a client that leaves in the middle of an answer takes its upstream request with it', async t => {
  let ended = 0
  const upstream = await startUpstream(t, (request, response) => {
    request.socket.once('close', () => { ended++ })
    response.write('hello')
  })
  const front = await startFront(t, { upstream: upstream.url })
  const controller = new AbortController()
  const response = await fetch(`${front.origin}/x`, { headers: alice, signal: controller.signal })
  t.equal(response.status, 200)
  controller.abort()
  await until(() => ended === 1)
})

t.test('an HTTP/2 client is told as well that an answer broke off', async t => {
  const odd = await startOdd(t, socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n') })
    setTimeout(() => socket.destroy(), 100)
  })
  const front = await startFront(t, { upstream: odd.url }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ...alice })
  stream.resume()
  const failed = once(stream, 'error')
  t.match(await failed, [{ code: 'ERR_HTTP2_STREAM_ERROR' }])
})
