import t from 'tap'
import http, { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import { once } from 'node:events'
import { alice, echo, sendRaw, startFront, startUpstream, until, type Front, type Teardown } from './parts.ts'

interface Streaming {
  readonly front: Front
  readonly responses: ServerResponse[]
  closed (): number
}

/** An upstream that begins an answer with these headers, and leaves it open. */
async function startStreaming (t: Teardown, headers: OutgoingHttpHeaders, options: object = {}): Promise<Streaming> {
  const responses: ServerResponse[] = []
  let closed = 0
  const upstream = await startUpstream(t, (_request, response) => {
    responses.push(response)
    response.once('close', () => { closed++ })
    response.writeHead(200, headers).write('data: 1\n\n')
  })
  return { front: await startFront(t, { upstream: upstream.url }, options), responses, closed: () => closed }
}

async function get (front: Front, headers: Record<string, string> = alice): Promise<IncomingMessage> {
  const [response] = await once(http.get(`${front.origin}/x`, { headers }), 'response') as [IncomingMessage]
  return response
}

const events = { 'content-type': 'text/event-stream; charset=utf-8' }

t.test('an event stream ends cleanly with its session, and the upstream\'s side with it', async t => {
  const { front, closed } = await startStreaming(t, events)
  const mine = await get(front)
  const other = await get(front, { cookie: 'session=bob' })
  t.equal(String((await once(mine, 'data'))[0]), 'data: 1\n\n')
  front.sessions.end('alice')
  await once(mine, 'end')
  t.ok(mine.complete, 'an event source sees an end, and connects anew')
  await until(() => closed() === 1)
  t.equal(front.sessions.listening('alice'), 0)
  t.equal(front.sessions.listening('bob'), 1)
  t.match(await front.logged('proxy.cut'), { level: 20 })
  other.destroy()
  await until(() => front.sessions.listening('bob') === 0)
})

t.test('nothing that the upstream says afterwards arrives', async t => {
  const { front, responses } = await startStreaming(t, events)
  const response = await get(front)
  let text = ''
  response.on('data', part => { text += String(part) })
  await until(() => text !== '')
  front.sessions.end('alice')
  responses[0]?.write('data: secret\n\n')
  await once(response, 'end')
  t.equal(text, 'data: 1\n\n')
})

t.test('any other open-ended answer is broken off: it must not look complete', async t => {
  const { front, closed } = await startStreaming(t, { 'content-type': 'application/octet-stream' })
  const response = await get(front)
  await once(response, 'data')
  const failed = once(response, 'error')
  front.sessions.end('alice')
  t.match(await failed, [{ code: 'ECONNRESET' }])
  t.notOk(response.complete)
  await until(() => closed() === 1)
  t.equal(front.sessions.listening('alice'), 0)
})

t.test('over HTTP/2 an event stream ends with its session as well', async t => {
  const { front, closed } = await startStreaming(t, events, { http2: true })
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ...alice })
  await once(stream, 'data')
  front.sessions.end('alice')
  await once(stream, 'end')
  await until(() => closed() === 1 && front.sessions.listening('alice') === 0)
})

t.test('over HTTP/2 any other open-ended answer is broken off as well', async t => {
  const { front, closed } = await startStreaming(t, { 'content-type': 'text/plain' }, { http2: true })
  const client = http2.connect(front.origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', ...alice })
  await once(stream, 'data')
  const failed = once(stream, 'error')
  front.sessions.end('alice')
  t.match(await failed, [{ code: 'ERR_HTTP2_STREAM_ERROR' }])
  await until(() => closed() === 1 && front.sessions.listening('alice') === 0)
})

t.test('an ordinary answer registers nothing, nor does one that is no session\'s', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url === '/204') response.writeHead(204).end()
    else if (request.url === '/304') response.writeHead(304).end()
    else if (request.url === '/chunked') response.write('a', () => { response.end('b') })
    else if (request.url === '/length') response.writeHead(200, { 'content-length': 2 }).end('ok')
    else echo(request, response)
  })
  const front = await startFront(t, { upstream: upstream.url })
  for (const path of ['/length', '/204', '/304']) await (await fetch(front.origin + path, { headers: alice })).text()
  await fetch(`${front.origin}/chunked`, { method: 'HEAD', headers: alice })
  await (await fetch(`${front.origin}/chunked`, { headers: { authorization: 'Bearer carol' } })).text()
  t.equal(front.sessions.registered(), 0)
  for (let round = 0; round < 20; round++) t.equal(await (await fetch(`${front.origin}/chunked`, { headers: alice })).text(), 'ab')
  t.equal(front.sessions.registered(), 20)
  await until(() => front.sessions.listening('alice') === 0)
})

t.test('an event stream opens before its first event', async t => {
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(200, events).flushHeaders() })
  const front = await startFront(t, { upstream: upstream.url })
  const response = await get(front)
  t.match(response.headers, events)
  response.destroy()
})

t.test('a long poll shows its headers while it waits', async t => {
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(200, { 'x-poll': '1' }).flushHeaders() })
  const front = await startFront(t, { upstream: upstream.url })
  const response = await get(front)
  t.equal(response.headers['x-poll'], '1')
  response.destroy()
})

t.test('a session that ends while an answer is being finished does no harm', async t => {
  const { front, responses } = await startStreaming(t, events)
  const answer = sendRaw(front.port, 'GET /x HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\nConnection: close\r\n\r\n')
  await until(() => responses.length === 1 && front.sessions.listening('alice') === 1)
  responses[0]?.end('data: 2\n\n')
  front.sessions.end('alice')
  t.match(await answer, /data: 1/)
  front.sessions.end('alice')
  t.equal(front.sessions.listening('alice'), 0)
})
