import t from 'tap'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ProxyOptions } from 'fastify-oidc-proxy'
import { ca, clientCertificate, upstreamCertificate } from './certificates.ts'
import { alice, listen, startFront, until, type Teardown } from './parts.ts'

interface Seen { readonly version: string, readonly headers: Record<string, string>, readonly body: string, readonly servername?: string | false, readonly peer?: string }

function answer (request: http.IncomingMessage | http2.Http2ServerRequest, response: http.ServerResponse | http2.Http2ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => { chunks.push(chunk) })
  request.on('end', () => {
    const socket = request.socket as TLSSocket
    const peer = typeof socket.getPeerCertificate === 'function' ? socket.getPeerCertificate().subject?.CN : undefined
    const servername = (socket as TLSSocket & { servername?: string | false }).servername
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ version: request.httpVersion, headers: request.headers, body: Buffer.concat(chunks).toString('latin1'), servername, peer }))
  })
}

async function ask (t: Teardown, options: ProxyOptions, init: RequestInit = {}): Promise<Seen & { status: number, log: string }> {
  const front = await startFront(t, options)
  const response = await fetch(`${front.origin}/x?y=1`, { ...init, headers: { ...alice, ...init.headers } })
  return { ...await response.json() as Seen, status: response.status, log: JSON.stringify(front.log) }
}

t.test('TLS: an upstream that nobody vouches for is 502, with the remedy in the log', async t => {
  const port = await listen(t, https.createServer(upstreamCertificate, answer))
  const unknown = await ask(t, { upstream: `https://127.0.0.1:${port}` })
  t.equal(unknown.status, 502)
  t.match(unknown.log, /set ca/)
})

t.test('TLS: with its authority it is trusted, under its own name alone', async t => {
  const port = await listen(t, https.createServer(upstreamCertificate, answer))
  const known = await ask(t, { upstream: `https://127.0.0.1:${port}`, ca })
  t.equal(known.status, 200)
  t.equal(known.version, '1.1')
  const wrong = await ask(t, { upstream: `https://localhost:${port}`, ca: [ca] })
  t.equal(wrong.status, 502)
  t.match(wrong.log, /set server_name/)
  const named = await ask(t, { upstream: `https://localhost:${port}`, ca, server_name: 'upstream.test' })
  t.equal(named.status, 200)
  t.equal(named.servername, 'upstream.test')
  t.equal(named.headers.host, `localhost:${port}`)
})

t.test('TLS: ssl_verify false takes any certificate', async t => {
  const port = await listen(t, https.createServer(upstreamCertificate, answer))
  t.equal((await ask(t, { upstream: `https://localhost:${port}`, ssl_verify: false })).status, 200)
})

t.test('TLS: the client\'s Host decides neither name nor connection', async t => {
  let connections = 0
  const names = new Set<string | false>()
  const server = https.createServer(upstreamCertificate, answer)
  server.on('secureConnection', socket => {
    connections++
    names.add((socket as TLSSocket & { servername: string | false }).servername)
  })
  const port = await listen(t, server)
  const front = await startFront(t, [{ upstream: `https://127.0.0.1:${port}`, ca, pass_host: 'pass', prefix: '/ip' }, { upstream: `https://127.0.0.1:${port}`, ca, server_name: 'upstream.test', pass_host: 'pass', prefix: '/name' }])
  for (const path of ['/ip/', '/name/']) {
    for (const host of ['one.example', 'two.example', '127.0.0.1', 'upstream.test:1']) {
      const request = http.get(front.origin + path, { headers: { ...alice, host } })
      const [response] = await once(request, 'response') as [http.IncomingMessage]
      t.equal(response.statusCode, 200)
      t.equal((JSON.parse(Buffer.concat(await response.toArray() as Buffer[]).toString()) as Seen).headers.host, host)
    }
  }
  t.equal(connections, 2)
  t.same(names, new Set([false, 'upstream.test']))
})

t.test('TLS: the upstream sees our certificate', async t => {
  const port = await listen(t, https.createServer({ ...upstreamCertificate, ca, requestCert: true, rejectUnauthorized: true }, answer))
  const upstream = `https://127.0.0.1:${port}`
  t.equal((await ask(t, { upstream, ca, client_cert: clientCertificate.cert, client_key: clientCertificate.key })).peer, 'client.test')
  t.equal((await ask(t, { upstream, ca })).status, 502)
})

t.test('HTTP/2 with prior knowledge: many requests, bodies, hosts', async t => {
  const sessions: unknown[] = []
  const server = http2.createServer({}, answer)
  server.on('session', session => { sessions.push(session) })
  const port = await listen(t, server)
  const front = await startFront(t, [{ upstream: `http://127.0.0.1:${port}`, http2: true, prefix: '/a' }, { upstream: `http://127.0.0.1:${port}`, http2: true, pass_host: 'rewrite', upstream_host: 'inside.test', prefix: '/b' }])
  const all = await Promise.all(Array.from({ length: 50 }, async (_, index) => {
    const response = await fetch(`${front.origin}/a/x?i=${index}`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain', connection: 'keep-alive' }, body: `body ${index}` })
    return await response.json() as Seen
  }))
  t.same(new Set(all.map(seen => seen.version)), new Set(['2.0']))
  t.same(all.map(seen => seen.body), all.map((_, index) => `body ${index}`))
  t.equal(sessions.length, 1)
  t.match(all[0]?.headers, { ':authority': `127.0.0.1:${port}`, ':path': '/x?i=0', 'x-access-token': 'token-of-alice', 'x-forwarded-for': '127.0.0.1' })
  const rewritten = await (await fetch(`${front.origin}/b/x`, { method: 'DELETE', headers: { ...alice, 'content-type': 'text/plain' }, body: 'why' })).json() as Seen
  t.equal(rewritten.headers[':authority'], 'inside.test')
  t.equal(rewritten.body, 'why', 'DELETE has its body')
})

t.test('HTTP/2 over TLS is verified; an upstream without it is 502 with the remedy', async t => {
  const both = await listen(t, http2.createSecureServer(upstreamCertificate, answer))
  t.match(await ask(t, { upstream: `https://127.0.0.1:${both}`, ca, http2: true }), { status: 200, version: '2.0' })
  t.match(await ask(t, { upstream: `https://localhost:${both}`, ca, http2: true, server_name: 'upstream.test' }), { status: 200, servername: 'upstream.test' })
  t.match((await ask(t, { upstream: `https://127.0.0.1:${both}`, http2: true })), { status: 502, log: /set ca/ })
  const wrong = await ask(t, { upstream: `https://localhost:${both}`, ca, http2: true })
  t.match(wrong, { status: 502, log: /set server_name/ })
  const old = await listen(t, https.createServer(upstreamCertificate, answer))
  t.match(await ask(t, { upstream: `https://127.0.0.1:${old}`, ca, http2: true }), { status: 502, log: /set http2 to false/ })
  const plain = await listen(t, http.createServer(answer))
  t.equal((await ask(t, { upstream: `http://127.0.0.1:${plain}`, http2: true })).status, 502)
  t.equal((await ask(t, { upstream: 'http://127.0.0.1:1', http2: true })).status, 502)
})

/** What an HTTP/2 upstream does on a path, beside sending back what it got. */
const misbehaviours: Readonly<Record<string, (stream: http2.ServerHttp2Stream, response: http2.Http2ServerResponse) => void>> = {
  '/hang': () => {},
  '/events': (_stream, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n') },
  '/die': (stream, response) => { response.write('hello', () => { stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR) }) },
  '/cancel': (stream, response) => { response.write('hello', () => { stream.close(http2.constants.NGHTTP2_CANCEL) }) },
  '/drop': (stream, response) => { response.write('hello', () => { stream.session?.destroy() }) },
  '/refuse': stream => { stream.close(http2.constants.NGHTTP2_REFUSED_STREAM) },
  '/gone': stream => { stream.session?.destroy() },
  '/early': (_stream, response) => { response.writeHead(413).end('too much') }
}

function misbehave (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse): void {
  const behave = misbehaviours[request.url]
  if (behave === undefined) request.pipe(response)
  else behave(request.stream, response)
}

t.test('HTTP/2: large bodies go both ways; a broken answer never looks whole', async t => {
  const seen: string[] = []
  const port = await listen(t, http2.createServer({}, (request, response) => {
    seen.push(String(request.url))
    misbehave(request, response)
  }))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true, headers_timeout: 0.3 })
  const body = randomBytes(20 * 1024 * 1024)
  const echoed = await fetch(`${front.origin}/echo`, { method: 'POST', headers: { ...alice, 'content-type': 'application/octet-stream' }, body })
  t.ok(Buffer.from(await echoed.arrayBuffer()).equals(body))
  for (const path of ['/die', '/cancel', '/drop']) await t.rejects(async () => await (await fetch(front.origin + path, { headers: alice })).text(), path)
  for (const method of ['GET', 'POST']) {
    for (const path of ['/gone', '/refuse']) t.equal((await fetch(front.origin + path, { method, headers: alice })).status, 502, `${method} ${path}`)
    t.equal((await fetch(`${front.origin}/hang`, { method, headers: alice })).status, 504, method)
  }
  const early = await fetch(`${front.origin}/early`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain' }, body: Buffer.alloc(1024 * 1024) })
  t.equal(early.status, 413)
  t.same(seen, ['/echo', '/die', '/cancel', '/drop', '/gone', '/refuse', '/hang', '/gone', '/refuse', '/hang', '/early'], 'nothing was sent twice')
})

t.test('HTTP/2: an upstream whose connection is cut in the middle of an answer takes the client\'s with it', async t => {
  const sockets: net.Socket[] = []
  const server = http2.createServer({}, misbehave)
  server.on('connection', socket => { sockets.push(socket) })
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true })
  for (const how of ['destroy', 'resetAndDestroy'] as const) {
    const response = await fetch(`${front.origin}/events`, { headers: alice })
    sockets.pop()?.[how]()
    await t.rejects(response.text(), how)
  }
})

t.test('HTTP/2: an open event stream holds up nobody; who leaves takes the stream along', async t => {
  let closed = 0
  let sessions = 0
  const server = http2.createServer({}, (request, response) => {
    request.stream.once('close', () => { closed++ })
    misbehave(request, response)
  })
  server.on('session', () => { sessions++ })
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true, body_timeout: 0 })
  const [events] = await once(http.get(`${front.origin}/events`, { headers: alice }), 'response') as [http.IncomingMessage]
  await once(events, 'data')
  const posted = await fetch(`${front.origin}/echo`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain' }, body: 'meanwhile' })
  t.equal(await posted.text(), 'meanwhile')
  t.equal(sessions, 1)
  events.destroy()
  await until(() => closed === 2)
  const request = http.get(`${front.origin}/hang`, { headers: alice }).on('error', () => {})
  await once(server, 'stream')
  request.destroy()
  await until(() => closed === 3)
  const upload = http.request(`${front.origin}/hang`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain', 'content-length': 1000 } }).on('error', () => {})
  upload.write('hello')
  await once(server, 'stream')
  upload.destroy()
  await until(() => closed === 4)
  t.notOk(front.log.some(line => line.oidc === 'proxy.failed'))
})

t.test('HTTP/2: an event stream of an upstream ends with its session', async t => {
  let closed = 0
  const port = await listen(t, http2.createServer({}, (request, response) => {
    request.stream.once('close', () => { closed++ })
    misbehave(request, response)
  }))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true })
  const [events] = await once(http.get(`${front.origin}/events`, { headers: alice }), 'response') as [http.IncomingMessage]
  await once(events, 'data')
  front.sessions.end('alice')
  await once(events, 'end')
  t.ok(events.complete)
  await until(() => closed === 1)
})

t.test('HTTP/2: a connection that the upstream closes gently ends its answers, and the next request has a new one', async t => {
  const sessions: http2.ServerHttp2Session[] = []
  const answers: Array<() => void> = []
  const server = http2.createServer({}, (request, response) => { answers.push(() => { response.end(`done ${request.url}`) }) })
  server.on('session', session => { sessions.push(session) })
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true })
  const first = ['/1', '/2', '/3'].map(async path => await (await fetch(front.origin + path, { headers: alice })).text())
  await until(() => answers.length === 3)
  sessions[0]?.close()
  const ping = new Promise(resolve => sessions[0]?.once('close', resolve))
  for (const answerNow of answers.splice(0)) answerNow()
  t.same(await Promise.all(first), ['done /1', 'done /2', 'done /3'])
  await ping
  const next = fetch(`${front.origin}/4`, { headers: alice })
  await until(() => answers.length === 1)
  answers[0]?.()
  t.equal(await (await next).text(), 'done /4')
  t.equal(sessions.length, 2)
})

t.test('HTTP/2: more streams than the upstream takes go over more connections, or wait at max_connections', async t => {
  let sessions = 0
  let open = 0
  let most = 0
  const server = http2.createServer({ settings: { maxConcurrentStreams: 2 } }, (_request, response) => {
    most = Math.max(most, ++open)
    setTimeout(() => { open--; response.end('ok') }, 30)
  })
  server.on('session', () => { sessions++ })
  const port = await listen(t, server)
  const upstream = `http://127.0.0.1:${port}`
  const front = await startFront(t, [{ upstream, http2: true, prefix: '/free' }, { upstream, http2: true, prefix: '/bound', max_connections: 1 }])
  const burst = async (path: string): Promise<Set<number>> => new Set(await Promise.all(Array.from({ length: 6 }, async () => (await fetch(front.origin + path, { headers: alice })).status)))
  await burst('/free/')
  most = 0
  t.same(await burst('/free/'), new Set([200]))
  t.ok(sessions >= 3, `${sessions} connections`)
  t.equal(most, 6)
  sessions = most = 0
  t.same(await burst('/bound/'), new Set([200]))
  t.equal(sessions, 1)
  t.equal(most, 2)
})

t.test('HTTP/2: an idle connection is closed after keepalive_timeout, and does not hold up the end', async t => {
  const server = http2.createServer({}, answer)
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true, keepalive_timeout: 0.1 })
  const opened = once(server, 'session') as Promise<[http2.ServerHttp2Session]>
  await (await fetch(front.origin, { headers: alice })).text()
  const [session] = await opened
  await until(() => session.destroyed)
  t.equal((await fetch(front.origin, { headers: alice })).status, 200)
})

t.test('HTTP/2: a connection that does not come to stand in time is 504', async t => {
  const port = await listen(t, net.createServer(() => {}))
  t.equal((await ask(t, { upstream: `https://127.0.0.1:${port}`, http2: true, connect_timeout: 0.2 })).status, 504)
})

t.test('connections: at most max_connections at a time, and they are used again', async t => {
  let open = 0
  let most = 0
  let connections = 0
  const server = http.createServer((_request, response) => {
    most = Math.max(most, ++open)
    setTimeout(() => { open--; response.end('ok') }, 20)
  })
  server.on('connection', () => { connections++ })
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, max_connections: 2 })
  const answers = await Promise.all(Array.from({ length: 10 }, async () => (await fetch(front.origin, { headers: alice })).status))
  t.same(new Set(answers), new Set([200]))
  t.equal(most, 2)
  t.equal(connections, 2)
})

t.test('closing the application closes its connections to the upstream', async t => {
  let closed = 0
  const port = await listen(t, http.createServer((_request, response) => { response.end('ok') }).on('connection', socket => { socket.once('close', () => { closed++ }) }))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}` })
  await (await fetch(front.origin, { headers: alice })).text()
  await front.app.close()
  await until(() => closed === 1)
  t.pass('closed')
})
