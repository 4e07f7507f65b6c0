import { EventEmitter, once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
import { ca, upstreamCertificate } from '../proxy/certificates.ts'
import { startGateway, startUpstream } from './parts.ts'

/** Answers how much it was sent; tells when a request begins and when one breaks off. */
async function startSink (t: Test) {
  const told = new EventEmitter()
  const upstream = await startUpstream(t, 'sink', (request, response) => {
    told.emit('begun')
    let bytes = 0
    request.on('data', (chunk: Buffer) => { bytes += chunk.length })
    request.on('end', () => response.end(`${bytes} bytes`))
    request.on('error', () => { told.emit('broken off') })
  })
  return { upstream, told }
}

async function start (t: Test, listen: GatewayOptions['listen'] = {}) {
  const { upstream, told } = await startSink(t)
  const login = { discovery: 'http://127.0.0.1:9/none', client_id: 'app', client_secret: 'a secret of the client', unauth_action: 'deny', session: { secret: 'a secret for tests, 32 bytes or more' } }
  const gateway = await startGateway(t, { listen, routes: [{ uri: '/open', upstream }, { uri: '/closed', upstream, plugins: { 'openid-connect': login } }] })
  return { origin: await gateway.listen(), told }
}

/** A connection that says what it is told, and keeps what it hears. */
async function talk (t: Test, origin: string) {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  let heard = ''
  socket.setEncoding('latin1').on('data', (text: string) => { heard += text })
  socket.on('error', () => {})
  await once(socket, 'connect')
  const until = async (pattern: RegExp): Promise<string> => {
    while (!pattern.test(heard)) await once(socket, 'data')
    return heard
  }
  return { socket, say: (text: string) => { socket.write(text) }, until, heard: () => heard }
}

const post = (path: string, ...headers: readonly string[]): string => [`POST ${path} HTTP/1.1`, 'Host: app.test', ...headers, '', ''].join('\r\n')
const ASKING = ['Expect: 100-continue', 'Content-Length: 5']

async function closed (socket: Socket): Promise<void> {
  if (!socket.destroyed) await once(socket, 'close')
}

t.test('who waits to be asked for a body is asked once the request may pass', async t => {
  const { origin } = await start(t)
  const { say, until } = await talk(t, origin)
  say(post('/open', ...ASKING))
  t.equal(await until(/\r\n\r\n/), 'HTTP/1.1 100 Continue\r\n\r\n')
  say('12345')
  const answer = await until(/bytes$/)
  t.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n/)
  t.match(answer, /5 bytes$/)
  t.notMatch(answer, /connection: close/i)
  say(post('/open', 'Content-Length: 3') + 'abc')
  t.match(await until(/3 bytes$/), /200 OK/, 'the connection lives on')
})

t.test('who may not pass is told so without being asked for the body, and no upstream hears of it', async t => {
  const { origin, told } = await start(t)
  let begun = 0
  told.on('begun', () => { begun++ })
  for (const path of ['/closed', '/nowhere']) {
    const { socket, say, until } = await talk(t, origin)
    say(post(path, ...ASKING))
    const answer = await until(/\r\n\r\n/)
    t.match(answer, path === '/closed' ? /^HTTP\/1\.1 401 / : /^HTTP\/1\.1 404 /)
    t.match(answer, /^connection: close\r$/im, 'what follows cannot be told from a body')
    await closed(socket)
  }
  t.equal(begun, 0)
})

t.test('who announces to wait and does not is served all the same', async t => {
  const { origin } = await start(t)
  const { say, until } = await talk(t, origin)
  say(post('/open', ...ASKING) + '12345')
  t.match(await until(/bytes$/), /200 OK[\s\S]*5 bytes$/)
})

t.test('over HTTP/2 it is the same', async t => {
  const { origin } = await start(t, { tls: upstreamCertificate })
  const session = connectHttp2(origin, { ca })
  t.teardown(() => { session.destroy() })
  const refused = session.request({ ':method': 'POST', ':path': '/closed', expect: '100-continue' })
  refused.on('continue', () => { t.fail('it was asked for the body') })
  const [answered] = await once(refused, 'response') as [Record<string, unknown>]
  t.equal(answered[':status'], 401)
  refused.close()
  const passed = session.request({ ':method': 'POST', ':path': '/open', expect: '100-continue' })
  await once(passed, 'continue')
  passed.end('1234567')
  let text = ''
  for await (const part of passed.setEncoding('utf8')) text += String(part)
  t.equal(text, '7 bytes')
})

t.test('a body that stops coming ends the request, here and at the upstream', async t => {
  const { origin, told } = await start(t, { body_timeout: 0.4 })
  const broken = once(told, 'broken off')
  const { socket, say, until } = await talk(t, origin)
  say(post('/open', 'Content-Length: 100') + 'begun')
  t.match(await until(/\r\n\r\n/), /^HTTP\/1\.1 408 Request Timeout\r\n/)
  await Promise.all([closed(socket), broken])
})

t.test('so does one that is asked for and never comes', async t => {
  const { origin } = await start(t, { body_timeout: 0.4 })
  const { socket, say, until } = await talk(t, origin)
  say(post('/open', ...ASKING))
  t.match(await until(/408 Request Timeout/), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 408 /)
  await closed(socket)
})

t.test('so does one behind an answer that is under way, and nothing is written into that', async t => {
  const streaming = await startUpstream(t, 'streaming', (_request, response) => { response.write('begun') })
  const gateway = await startGateway(t, { listen: { body_timeout: 0.4 }, routes: [{ uri: '/*', upstream: streaming }] })
  const { socket, say, until, heard } = await talk(t, await gateway.listen())
  say('GET /slow-stream HTTP/1.1\r\nHost: app.test\r\n\r\n')
  t.match(await until(/begun\r\n/), /^HTTP\/1\.1 200 OK\r\n/)
  say(post('/behind', 'Content-Length: 100'))
  await closed(socket)
  t.notMatch(heard(), /408/)
  t.match(heard(), /begun\r\n$/, 'broken off: no last chunk')
})

t.test('so does one over HTTP/2, and the connection lives on', async t => {
  const { origin, told } = await start(t, { body_timeout: 0.4, tls: upstreamCertificate })
  const broken = once(told, 'broken off')
  const session = connectHttp2(origin, { ca })
  t.teardown(() => { session.destroy() })
  const stalled = session.request({ ':method': 'POST', ':path': '/open' })
  stalled.write('begun')
  const [answered] = await once(stalled, 'response') as [Record<string, unknown>]
  t.equal(answered[':status'], 408)
  await broken
  const next = session.request({ ':method': 'POST', ':path': '/open' })
  next.end('1234')
  const [well] = await once(next, 'response') as [Record<string, unknown>]
  t.equal(well[':status'], 200)
})

t.test('who was refused cannot go on with the body for ever', async t => {
  const { origin } = await start(t, { body_timeout: 0.8 })
  const { socket, say, until } = await talk(t, origin)
  say(post('/closed', 'Content-Length: 1000000000'))
  const more = setInterval(() => { say('x'.repeat(1000)) }, 20)
  t.teardown(() => { clearInterval(more) })
  t.match(await until(/\r\n\r\n/), /^HTTP\/1\.1 401 /)
  await closed(socket)
})

t.test('a body that goes on may take longer than the limit', async t => {
  const { origin } = await start(t, { body_timeout: 0.6 })
  const { say, until } = await talk(t, origin)
  say(post('/open', 'Content-Length: 30'))
  for (let part = 0; part < 30; part++) {
    say('x')
    await wait(40)
  }
  t.match(await until(/bytes$/), /200 OK[\s\S]*30 bytes$/)
})

t.test('an upstream that reads slowly is no fault of the sender, and one that answers late neither', async t => {
  const upstream = await startUpstream(t, 'slow', (request, response) => {
    setTimeout(() => {
      request.resume()
      request.on('end', () => { setTimeout(() => response.end('taken'), 900) })
    }, 900)
  })
  const gateway = await startGateway(t, { listen: { body_timeout: 0.4 }, routes: [{ uri: '/*', upstream }] })
  const { say, until } = await talk(t, await gateway.listen())
  const large = 'x'.repeat(8 * 2 ** 20)
  say(post('/', `Content-Length: ${large.length}`) + large)
  t.match(await until(/taken$/), /200 OK/)
})

t.test('0 waits for ever, and what has no body is never waited for', async t => {
  const { origin } = await start(t, { body_timeout: 0 })
  const { say, until } = await talk(t, origin)
  say(post('/open', 'Content-Length: 5') + '12')
  await wait(300)
  say('345')
  t.match(await until(/bytes$/), /200 OK[\s\S]*5 bytes$/)
})

t.test('headers have a minute, with TLS and without', async t => {
  for (const listen of [{}, { tls: upstreamCertificate }]) {
    const { upstream } = await startSink(t)
    const gateway = await startGateway(t, { listen, routes: [{ uri: '/*', upstream }] })
    t.match(gateway.app.server, { headersTimeout: 60_000, requestTimeout: 0 })
  }
})
