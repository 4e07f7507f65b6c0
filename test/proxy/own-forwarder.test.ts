import t from 'tap'
import { EventEmitter, once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import Fastify from 'fastify'
import proxy from 'fastify-oidc-proxy'
import { registerFakeCore } from './fake-core.ts'
import { alice, listen, sendRaw, startFront, startUpstream, until, type Teardown } from './parts.ts'

/** An upstream whose connections these functions serve, one after the other. */
async function startByConnection (t: Teardown, serve: (socket: net.Socket, connection: number) => void): Promise<{ url: string, closed: () => number }> {
  let connections = 0
  let closed = 0
  const port = await listen(t, net.createServer(socket => {
    socket.once('close', () => { closed++ })
    serve(socket, connections++)
  }))
  return { url: `http://127.0.0.1:${port}`, closed: () => closed }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

t.test('an idle connection that the upstream closes costs no request', async t => {
  const upstream = await startByConnection(t, socket => {
    socket.once('data', () => { socket.end(OK) })
  })
  const front = await startFront(t, { upstream: upstream.url })
  for (let round = 1; round <= 20; round++) {
    const response = await fetch(`${front.origin}/x`, { method: round % 2 === 0 ? 'POST' : 'GET', headers: alice })
    t.equal(response.status, 200)
    t.equal(await response.text(), 'ok')
    await until(() => upstream.closed() === round)
  }
})

t.test('a request that was sent over a connection that then broke is not sent again, safe or not', async t => {
  for (const method of ['GET', 'POST']) {
    let requests = 0
    const upstream = await startByConnection(t, (socket, connection) => {
      socket.on('data', () => {
        requests++
        if (connection === 0 && requests === 1) socket.write(OK)
        else socket.destroy()
      })
    })
    const front = await startFront(t, { upstream: upstream.url })
    t.equal((await fetch(front.origin, { headers: alice })).status, 200)
    t.equal((await fetch(front.origin, { method, headers: alice })).status, 502)
    t.equal(requests, 2, method)
  }
})

t.test('requests that wait for a connection are served when one is free, each once', async t => {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(String(request.url))
    setImmediate(() => { response.end('ok') })
  })
  const front = await startFront(t, { upstream: upstream.url, max_connections: 1 })
  const paths = Array.from({ length: 30 }, (_, index) => `/${index}`)
  const answers = await Promise.all(paths.map(async path => await (await fetch(front.origin + path, { headers: alice })).text()))
  t.ok(answers.every(answer => answer === 'ok'))
  t.same(seen.sort(), paths.sort())
})

t.test('a client that leaves while its request waits for a connection leaves nothing behind', async t => {
  const seen: string[] = []
  let finish = (): void => {}
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(String(request.url))
    finish = () => { response.end('ok') }
  })
  const front = await startFront(t, { upstream: upstream.url, max_connections: 1 })
  const first = fetch(`${front.origin}/first`, { headers: alice })
  await until(() => seen.length === 1)
  const waiting = http.get(`${front.origin}/waiting`, { headers: alice }).on('error', () => {})
  await once(waiting, 'finish')
  waiting.destroy()
  await front.logged('proxy.abandoned')
  finish()
  t.equal((await first).status, 200)
  const last = fetch(`${front.origin}/last`, { headers: alice })
  await until(() => seen.length === 2)
  finish()
  t.equal((await last).status, 200)
  t.same(seen, ['/first', '/last'])
})

t.test('answers to pipelined requests come in their order', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/slow') setTimeout(() => { response.end('slow') }, 50)
    else response.end('fast')
  })
  const front = await startFront(t, { upstream: upstream.url })
  const get = (path: string, closing: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\n${closing}\r\n`
  const answers = await sendRaw(front.port, get('/slow', '') + get('/fast', 'Connection: close\r\n'))
  t.match(answers, /slow[^]*fast/)
})

t.test('an HTTP/2 client gets hints, trailers, lists of cookies and an answer without a body', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/204') return response.writeHead(204).end()
    response.writeEarlyHints({ link: '</a.css>; rel=preload' })
    response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'], 'keep-alive': 'timeout=5', trailer: 'x-sum' })
    response.write('hello')
    response.addTrailers({ 'x-sum': '7', 'set-cookie': 'session=evil' })
    return response.end()
  })
  const front = await startFront(t, { upstream: upstream.url }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/renew', te: 'trailers', ...alice })
  const [hint] = await once(stream, 'headers') as [http2.IncomingHttpHeaders]
  t.match(hint, { ':status': 103, link: '</a.css>; rel=preload' })
  const [headers] = await once(stream, 'response') as [http2.IncomingHttpHeaders]
  t.match(headers, { ':status': 200, 'set-cookie': ['session=alice; Path=/; HttpOnly', 'a=1', 'b=2'] })
  t.notOk('keep-alive' in headers)
  const trailers = once(stream, 'trailers') as Promise<[http2.IncomingHttpHeaders]>
  t.equal(String(Buffer.concat(await stream.toArray() as Buffer[])), 'hello')
  t.match((await trailers)[0], { 'x-sum': '7' })
  t.notOk('set-cookie' in (await trailers)[0])
  const empty = client.request({ ':path': '/204', ...alice })
  t.match((await once(empty, 'response'))[0], { ':status': 204 })
  empty.close()
})

t.test('an upload that breaks off over HTTP/2 is not whole for the upstream either, read or not, and leaves nothing behind', async t => {
  for (const forwarder of ['own', 'stock'] as const) {
    for (const size of [10, 4 * 1024 * 1024]) {
      const ends = new EventEmitter()
      const upstream = await startUpstream(t, request => {
        ends.emit('begun', request)
        if (size === 10) request.resume()
        request.on('end', () => { ends.emit('end', 'whole') })
        request.on('error', () => { ends.emit('end', 'broken off') })
      })
      const front = await startFront(t, { upstream: upstream.url, forwarder }, { http2: true } as object)
      const client = http2.connect(front.origin)
      t.teardown(() => { client.destroy() })
      const stream = client.request({ ':method': 'POST', ':path': '/x', ...alice })
      stream.on('error', () => {})
      const [begun, end] = [once(ends, 'begun'), once(ends, 'end')]
      stream.write(Buffer.alloc(size))
      const [request] = await begun as [IncomingMessage]
      stream.destroy()
      // A connection that nobody reads does not tell that it has ended.
      request.resume()
      t.same(await end, ['broken off'], `${forwarder}, ${size} bytes`)
    }
  }
})

t.test('an upstream that dies before the body begins is 502 over HTTP/2 too, whatever it promised', async t => {
  const upstream = await startByConnection(t, socket => {
    socket.once('data', () => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n') })
  })
  const front = await startFront(t, { upstream: upstream.url }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ...alice })
  t.match((await once(stream, 'response'))[0], { ':status': 502 })
  stream.resume()
  await once(stream, 'end')
})

t.test('one log line tells of an answer that broke off, and names the cause', async t => {
  const upstream = await startByConnection(t, socket => {
    socket.once('data', () => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello', () => { setTimeout(() => socket.destroy(), 20) }) })
  })
  const front = await startFront(t, { upstream: upstream.url })
  const [response] = await once(http.get(front.origin, { headers: alice }), 'response') as [IncomingMessage]
  await t.rejects(response.toArray(), { code: 'ECONNRESET' })
  t.match(await front.logged('proxy.failed'), { level: 50, upstream: upstream.url, err: { code: 'UND_ERR_SOCKET' } })
  t.equal(front.log.filter(({ oidc }) => oidc === 'proxy.failed').length, 1)
})

t.test('a header of a hook that cannot be sent ends its request alone', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/open') response.write('open-ended')
    else response.end('ok')
  })
  const app = Fastify()
  t.teardown(() => app.close())
  registerFakeCore(app)
  app.addHook('onRequest', async (request, reply) => { if (request.headers['x-bad'] !== undefined) reply.header('x-bad', 'a\u0001b') })
  await app.register(proxy, { upstream: upstream.url })
  const origin = await app.listen({ port: 0, host: '127.0.0.1' })
  for (const path of ['/open', '/whole']) {
    const status = await fetch(origin + path, { headers: { ...alice, 'x-bad': '1' } }).then(({ status }) => status, () => 0)
    t.ok(status === 0 || status >= 500, `${path} ${status}`)
  }
  t.equal((await fetch(`${origin}/whole`, { headers: alice })).status, 200)
})
