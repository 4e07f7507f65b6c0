import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Patience, type Waiting } from '../../packages/proxy/src/patience.ts'
import { alice, listen, startFront, startUpstream, until, type Front, type Teardown } from './parts.ts'

const PATIENCE = 0.3
/** Several times longer than anybody is waited for here. */
const LONG_MS = 1500

/** Patience alone keeps no process from its end. */
function stayAwake (t: Teardown): void {
  const timer = setInterval(() => {}, 1000)
  t.teardown(() => { clearInterval(timer) })
}

async function startSocket (t: Teardown, behave: (socket: net.Socket) => void): Promise<string> {
  return `http://127.0.0.1:${await listen(t, net.createServer(behave))}`
}

function upload (front: Front, headers: Record<string, string | number>): { request: http.ClientRequest, status: Promise<number | undefined> } {
  const request = http.request(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain', ...headers } })
  // Whoever is answered before the end of an upload may find the connection gone.
  request.on('error', () => {})
  return { request, status: once(request, 'response').then(([response]) => (response as http.IncomingMessage).resume().statusCode) }
}

t.test('a client that takes long over its upload is waited for', async t => {
  const upstream = await startUpstream(t, (request, response) => { request.resume().once('end', () => { response.end('done') }) })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE })
  const { request, status } = upload(front, { 'content-length': 10 })
  request.write('hello')
  await delay(LONG_MS)
  request.end('world')
  t.equal(await status, 200)
})

t.test('a client that says 100-continue and takes its time is waited for', async t => {
  const upstream = await startUpstream(t, (request, response) => { request.resume().once('end', () => { response.end('done') }) })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE })
  const { request, status } = upload(front, { 'content-length': 5, expect: '100-continue' })
  request.flushHeaders()
  await once(request, 'continue')
  await delay(LONG_MS)
  request.end('hello')
  t.equal(await status, 200)
})

t.test('an upstream that does not read an upload is given up: 504', async t => {
  const url = await startSocket(t, socket => { socket.pause() })
  const front = await startFront(t, { upstream: url, headers_timeout: PATIENCE })
  const { request, status } = upload(front, {})
  const chunk = Buffer.alloc(64 * 1024)
  const pump = (): void => { while (!request.destroyed && request.write(chunk)); }
  request.on('drain', pump)
  pump()
  t.equal(await status, 504)
  request.destroy()
})

t.test('the same over HTTP/2 is 504 too', async t => {
  const url = await startSocket(t, socket => { socket.pause() })
  const front = await startFront(t, { upstream: url, headers_timeout: PATIENCE }, { http2: true } as object)
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ':method': 'POST', 'content-type': 'text/plain', ...alice })
  stream.on('error', () => {})
  stream.end('hello')
  const [headers] = await once(stream, 'response') as [http2.IncomingHttpHeaders]
  t.equal(headers[':status'], 504)
  stream.close()
})

t.test('an upstream that has the whole upload and says nothing is given up: 504', async t => {
  const url = await startSocket(t, socket => { socket.resume() })
  const front = await startFront(t, { upstream: url, headers_timeout: PATIENCE })
  const { request, status } = upload(front, { 'content-length': 5 })
  request.end('hello')
  t.equal(await status, 504)
  t.match(await front.logged('proxy.failed'), { msg: /headers_timeout/ })
})

t.test('a request that no socket brought is given up like any other: 504', async t => {
  const upstream = await startUpstream(t, () => {})
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE })
  t.equal((await front.app.inject({ url: '/x', headers: alice })).statusCode, 504)
  t.equal((await front.app.inject({ method: 'POST', url: '/x', headers: { ...alice, 'content-type': 'text/plain' }, payload: 'hello' })).statusCode, 504)
})

t.test('an upload of limited length that its client is slow with is waited for, and its upstream not', async t => {
  const url = await startSocket(t, socket => { socket.resume() })
  const front = await startFront(t, { upstream: url, headers_timeout: PATIENCE, max_body: 1000 })
  const { request, status } = upload(front, { 'content-length': 10 })
  let answered = false
  status.then(() => { answered = true }, () => {})
  request.write('hello')
  await delay(LONG_MS)
  t.notOk(answered)
  request.end('world')
  t.equal(await status, 504)
})

t.test('an upstream that says it is still at work is waited for', async t => {
  const upstream = await startUpstream(t, (_request, response) => {
    const hint = setInterval(() => { response.writeProcessing() }, PATIENCE * 1000 / 3)
    setTimeout(() => { clearInterval(hint); response.end('done') }, LONG_MS)
  })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE })
  t.equal((await fetch(front.origin, { headers: alice })).status, 200)
})

t.test('an answer that comes slowly and never stops coming is passed on to its end', async t => {
  const upstream = await startUpstream(t, (_request, response) => {
    let left = 12
    const drip = setInterval(() => {
      if (left-- > 0) {
        response.write('x')
      } else {
        clearInterval(drip)
        response.end()
      }
    }, PATIENCE * 1000 / 3)
  })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE, body_timeout: PATIENCE })
  t.equal(await (await fetch(front.origin, { headers: alice })).text(), 'x'.repeat(12))
})

t.test('a client that reads slowly is not the silence of an upstream', async t => {
  const size = 32 * 2 ** 20
  const upstream = await startUpstream(t, (_request, response) => { response.end(Buffer.alloc(size)) })
  const front = await startFront(t, { upstream: upstream.url, body_timeout: PATIENCE })
  const [response] = await once(http.get(front.origin, { headers: alice }), 'response') as [http.IncomingMessage]
  response.pause()
  await delay(LONG_MS)
  let received = 0
  for await (const chunk of response) received += (chunk as Buffer).length
  t.equal(received, size)
})

t.test('silence after a client that read slowly is one all the same', async t => {
  const size = 32 * 2 ** 20
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-length': size + 1 })
    response.write(Buffer.alloc(size))
  })
  const front = await startFront(t, { upstream: upstream.url, body_timeout: PATIENCE })
  const [response] = await once(http.get(front.origin, { headers: alice }), 'response') as [http.IncomingMessage]
  response.pause()
  await delay(LONG_MS)
  await t.rejects(response.toArray(), { code: 'ECONNRESET' })
  t.match(await front.logged('proxy.failed'), { err: { code: 'UND_ERR_BODY_TIMEOUT' } })
})

t.test('who waits for ever waits for ever', async t => {
  const upstream = await startUpstream(t, (_request, response) => { setTimeout(() => { response.end('late') }, LONG_MS) })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: 0, body_timeout: 0 })
  t.equal(await (await fetch(front.origin, { headers: alice })).text(), 'late')
})

t.test('of many requests those are given up whose upstream is silent, and no others', async t => {
  const upstream = await startUpstream(t, ({ url }, response) => { if (url?.startsWith('/heard') === true) setTimeout(() => { response.end() }, PATIENCE * 500) })
  const front = await startFront(t, { upstream: upstream.url, headers_timeout: PATIENCE })
  const statuses = await Promise.all(Array.from({ length: 40 }, async (_, index) => (await fetch(`${front.origin}/${index % 2 === 0 ? 'heard' : 'silent'}`, { headers: alice })).status))
  t.same(statuses, Array.from({ length: 40 }, (_, index) => index % 2 === 0 ? 200 : 504))
})

t.test('nobody is given up before their time', async t => {
  stayAwake(t)
  const patience = new Patience(400, 0)
  const startedMs = performance.now()
  let ticks = 0
  await new Promise<void>(resolve => {
    const waiting: Waiting = { seat: null, onTick () { if (++ticks > patience.headersTicks) resolve() } }
    patience.begin(waiting)
    t.teardown(() => { patience.end(waiting) })
  })
  const tookMs = performance.now() - startedMs
  t.ok(tookMs >= 400, `${tookMs} ms`)
  t.equal(patience.headersTicks, 8)
  t.equal(patience.bodyTicks, 0)
})

t.test('nothing ticks where nobody waits', async t => {
  stayAwake(t)
  const patience = new Patience(80, 0)
  let ticks = 0
  const waiting: Waiting = { seat: null, onTick () { ticks++ } }
  patience.begin(waiting)
  await until(() => ticks > 2)
  patience.end(waiting)
  const before = ticks
  await delay(100)
  t.equal(ticks, before)
  patience.begin(waiting)
  await until(() => ticks > before)
  patience.end(waiting)
})
