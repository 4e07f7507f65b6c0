import t from 'tap'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
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
    const response = await fetch(`${front.origin}/a/x`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain', connection: 'keep-alive' }, body: `body ${index}` })
    return await response.json() as Seen
  }))
  t.same(new Set(all.map(seen => seen.version)), new Set(['2.0']))
  t.same(all.map(seen => seen.body), all.map((_, index) => `body ${index}`))
  t.equal(sessions.length, 1)
  t.match(all[0]?.headers, { ':authority': `127.0.0.1:${port}`, 'x-access-token': 'token-of-alice', 'x-forwarded-for': '127.0.0.1' })
  const rewritten = await (await fetch(`${front.origin}/b/x`, { headers: alice })).json() as Seen
  t.equal(rewritten.headers[':authority'], 'inside.test')
})

t.test('HTTP/2 over TLS is negotiated; an upstream without it gets HTTP/1.1', async t => {
  const both = await listen(t, http2.createSecureServer(upstreamCertificate, answer))
  t.match(await ask(t, { upstream: `https://127.0.0.1:${both}`, ca, http2: true }), { status: 200, version: '2.0' })
  t.equal((await ask(t, { upstream: `https://127.0.0.1:${both}`, http2: true })).status, 502, 'verified here as well')
  const old = await listen(t, https.createServer(upstreamCertificate, answer))
  t.match(await ask(t, { upstream: `https://127.0.0.1:${old}`, ca, http2: true }), { status: 200, version: '1.1' })
})

t.test('HTTP/2: large bodies both ways, and streams that the client or the upstream ends', async t => {
  let aborted = 0
  const server = http2.createServer({}, (request, response) => {
    if (request.url === '/hang') request.stream.once('close', () => { aborted++ })
    else if (request.url === '/die') response.write('hello', () => { request.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR) })
    else if (request.url === '/gone') request.stream.session?.destroy()
    else request.pipe(response)
  })
  const port = await listen(t, server)
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}`, http2: true, headers_timeout: 1 })
  const body = randomBytes(20 * 1024 * 1024)
  const echoed = await fetch(`${front.origin}/echo`, { method: 'POST', headers: { ...alice, 'content-type': 'application/octet-stream' }, body })
  t.ok(Buffer.from(await echoed.arrayBuffer()).equals(body))
  await t.rejects(async () => await (await fetch(`${front.origin}/die`, { headers: alice })).text())
  t.equal((await fetch(`${front.origin}/gone`, { headers: alice })).status, 502)
  const request = http.get(`${front.origin}/hang`, { headers: alice }).on('error', () => {})
  await once(server, 'stream')
  request.destroy()
  await until(() => aborted === 1)
  t.equal((await fetch(`${front.origin}/hang`, { headers: alice })).status, 504)
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
