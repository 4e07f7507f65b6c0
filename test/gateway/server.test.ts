import { EventEmitter, once } from 'node:events'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls, type PeerCertificate } from 'node:tls'
import t from 'tap'
import WebSocket, { WebSocketServer } from 'ws'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { ca, clientCertificate, upstreamCertificate } from '../proxy/certificates.ts'
import { askRaw, startGateway, startUpstream } from './parts.ts'

async function read (response: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return text
}

async function subjectOf (origin: string, options: { minVersion?: 'TLSv1.3', maxVersion?: 'TLSv1.2' } = {}): Promise<string> {
  const { hostname, port } = new URL(origin)
  const socket = connectTls({ host: hostname, port: Number(port), ca, checkServerIdentity: () => undefined, ...options })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate() as PeerCertificate
  socket.destroy()
  return String(subject.CN)
}

async function askHttp2 (session: ClientHttp2Session, path: string, headers: Record<string, string> = {}): Promise<{ status: number, body: string }> {
  const stream = session.request({ ':path': path, ...headers })
  const [answered] = await once(stream, 'response') as [Record<string, unknown>]
  return { status: Number(answered[':status']), body: await read(stream) }
}

/** An upstream whose answer to /slow is finished by hand, and that streams /events for ever. */
async function startSlowUpstream (t: Tap) {
  const steps = new EventEmitter()
  const asked = once(steps, 'asked')
  const finish = once(steps, 'finish')
  const upstream = await startUpstream(t, 'slow', (request, response) => {
    if (request.url === '/slow') {
      response.write('begun ')
      steps.emit('asked')
      void finish.then(() => response.end('and finished'))
    } else {
      response.write('data: 1\n\n')
      steps.emit('asked')
    }
  })
  return { upstream, asked, finishNow: () => steps.emit('finish') }
}

interface Tap { teardown (handler: () => unknown): void }

t.test('with TLS, HTTP/2 and HTTP/1.1 are spoken, with large headers, and no old TLS', async t => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, { listen: { tls: { ...upstreamCertificate, min_version: 'TLSv1.3' } }, routes: [{ uri: '/*', upstream }] })
  const origin = await gateway.listen()
  t.match(origin, /^https:\/\/127\.0\.0\.1:\d+$/)
  const session = connectHttp2(origin, { ca })
  t.teardown(() => { session.destroy() })
  const large = 'x'.repeat(40_000)
  const second = await askHttp2(session, '/two', { 'x-large': large })
  t.match({ ...second, body: JSON.parse(second.body) }, { status: 200, body: { url: '/two', headers: { 'x-large': large, 'x-forwarded-proto': 'https' } } })
  const first = httpsRequest(`${origin}/one`, { ca, agent: false, headers: { 'x-large': large } }).end()
  const [response] = await once(first, 'response') as [IncomingMessage]
  t.match({ status: response.statusCode, version: response.httpVersion, body: JSON.parse(await read(response)) }, { status: 200, version: '1.1', body: { url: '/one', headers: { 'x-large': large } } })
  await t.rejects(subjectOf(origin, { maxVersion: 'TLSv1.2' }))
})

t.test('a reload shows a new certificate; what cannot change at once is named', async t => {
  const upstream = await startUpstream(t)
  const configuration: GatewayOptions = { listen: { tls: upstreamCertificate }, log: { level: 'silent' }, routes: [{ uri: '/*', upstream }] }
  const gateway = await startGateway(t, configuration)
  const origin = await gateway.listen()
  const session = connectHttp2(origin, { ca })
  t.teardown(() => { session.destroy() })
  t.equal((await askHttp2(session, '/')).status, 200)
  t.equal(await subjectOf(origin), 'upstream.test')
  const next: GatewayOptions = { ...configuration, listen: { port: 0, tls: clientCertificate } }
  t.same(await gateway.reload(next), { applied: ['listen.tls'], restart: [] })
  t.equal(await subjectOf(origin), 'client.test')
  t.equal((await askHttp2(session, '/')).status, 200, 'connections that stand stay')
  t.same(await gateway.reload(next), { applied: [], restart: [] })
  t.same(await gateway.reload({ ...next, log: { level: 'fatal' }, routes: [{ uri: '/x', upstream }], max_header_size: 16384 }), { applied: ['log.level'], restart: ['maxHeaderSize', 'routes'] })
  await t.rejects(gateway.reload({ ...next, listen: { tls: { cert: upstreamCertificate.cert, key: clientCertificate.key } } }), { code: 'FST_OIDC_GATEWAY_CONFIGURATION_INVALID', message: /listen\.tls does not hold/ })
  t.equal(await subjectOf(origin), 'client.test')
})

t.test('headers up to 64 KB are taken, larger ones are 431', async t => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream }] })
  const origin = await gateway.listen()
  t.equal((await askRaw(origin, '/', { 'x-large': 'x'.repeat(60_000) })).status, 200)
  t.equal((await askRaw(origin, '/', { 'x-large': 'x'.repeat(66_000) })).status, 431)
})

t.test('what is under way when the gateway closes is finished, and nothing new begins', async t => {
  const { upstream, asked, finishNow } = await startSlowUpstream(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream }] })
  const origin = await gateway.listen()
  const { hostname, port } = new URL(origin)
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy() })
  const idle = connect(Number(port), hostname)
  await once(idle, 'connect')
  const slow = httpRequest(`${origin}/slow`, { agent }).end()
  const [response] = await once(slow, 'response') as [IncomingMessage]
  await asked
  const closing = performance.now()
  const closed = gateway.close()
  finishNow()
  t.equal(await read(response), 'begun and finished')
  await closed
  t.ok(performance.now() - closing < 5000, 'a connection that is kept alive does not hold the gateway up')
  const [error] = await once(connect(Number(port), hostname), 'error') as [NodeJS.ErrnoException]
  t.equal(error.code, 'ECONNREFUSED')
})

t.test('requests over HTTP/2 are finished as well', async t => {
  const { upstream, asked, finishNow } = await startSlowUpstream(t)
  const gateway = await startGateway(t, { listen: { tls: upstreamCertificate }, routes: [{ uri: '/*', upstream }] })
  const session = connectHttp2(await gateway.listen(), { ca })
  t.teardown(() => { session.destroy() })
  const answer = askHttp2(session, '/slow')
  await asked
  const closed = gateway.close()
  finishNow()
  t.same(await answer, { status: 200, body: 'begun and finished' })
  await closed
})

t.test('what does not end is cut when the time is up', async t => {
  const { upstream, asked } = await startSlowUpstream(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream }] }, { drainTimeout: 0.2 })
  const events = httpRequest(`${await gateway.listen()}/events`, { agent: false }).end()
  const [response] = await once(events, 'response') as [IncomingMessage]
  await asked
  const cut = t.rejects(read(response))
  await gateway.close()
  await cut
})

t.test('WebSockets pass, plain and over TLS, and end when the gateway closes', async t => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  t.teardown(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  server.on('connection', socket => { socket.on('message', message => { socket.send(`echo ${String(message)}`) }) })
  const { port } = server.address() as { port: number }
  for (const tls of [undefined, upstreamCertificate]) {
    const gateway = await startGateway(t, { listen: { tls }, routes: [{ uri: '/ws/*', upstream: `http://127.0.0.1:${port}` }] })
    const origin = await gateway.listen()
    const socket = new WebSocket(`${origin.replace('http', 'ws')}/ws/x`, { ca })
    await once(socket, 'open')
    socket.send('hello')
    t.equal(String((await once(socket, 'message'))[0]), 'echo hello')
    const closed = once(socket, 'close')
    await gateway.close()
    await closed
  }
})
