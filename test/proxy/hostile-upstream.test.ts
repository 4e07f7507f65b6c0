import t from 'tap'
import { once } from 'node:events'
import http2 from 'node:http2'
import net from 'node:net'
import { alice, listen, sendRaw, startFront, type Front, type Teardown } from './parts.ts'

/** An upstream that says these bytes to each request, whatever was asked. */
async function startSaying (t: Teardown, bytes: string): Promise<string> {
  const port = await listen(t, net.createServer(socket => { socket.on('data', () => { socket.write(Buffer.from(bytes, 'latin1')) }) }))
  return `http://127.0.0.1:${port}`
}

interface Answer { readonly headers: http2.IncomingHttpHeaders, readonly body: string, readonly trailers: http2.IncomingHttpHeaders }

/** A request over HTTP/2 that does not wait for ever. */
async function askHttp2 (t: Teardown, { origin }: Front): Promise<Answer> {
  const client = http2.connect(origin)
  t.teardown(() => { client.destroy() })
  const stream = client.request({ ':path': '/x', te: 'trailers', ...alice })
  let trailers: http2.IncomingHttpHeaders = {}
  stream.on('trailers', received => { trailers = received })
  const [headers] = await once(stream, 'response', { signal: AbortSignal.timeout(30_000) }) as [http2.IncomingHttpHeaders]
  return { headers, body: Buffer.concat(await stream.toArray() as Buffer[]).toString(), trailers }
}

t.test('a trailer that HTTP/2 forbids does not end the process', async t => {
  const names = ['HTTP2-Settings', 'Keep-Alive', 'Connection', 'Upgrade', 'Proxy-Connection', 'Transfer-Encoding', 'TE']
  const upstream = await startSaying(t, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${names.map(name => `${name}: x\r\n`).join('')}X-Sum: 7\r\n\r\n`)
  const front = await startFront(t, { upstream }, { http2: true } as object)
  const { body, trailers } = await askHttp2(t, front)
  t.equal(body, 'ok')
  t.same(Object.keys(trailers), ['x-sum'])
})

t.test('headers that stand there twice reach an HTTP/2 client once, and do not leave it waiting', async t => {
  const twice = 'ETag: "a"\r\nETag: "b"\r\nX-Content-Type-Options: nosniff\r\nX-Content-Type-Options: nosniff\r\nContent-Encoding: x-one\r\nContent-Encoding: x-two\r\nX-Many: 1\r\nX-Many: 2\r\n'
  for (const forwarder of ['own', 'stock'] as const) {
    for (const [rest, expected] of [['Content-Length: 2  \r\n\r\nok', 'ok'], ['Content-Length: 0\r\n\r\n', ''], ['Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n', '']] as const) {
      const front = await startFront(t, { upstream: await startSaying(t, `HTTP/1.1 200 OK\r\n${twice}${rest}`), forwarder }, { http2: true } as object)
      const { headers, body } = await askHttp2(t, front)
      t.match(headers, { ':status': 200, etag: '"a"', 'x-content-type-options': 'nosniff', 'content-encoding': 'x-one, x-two', 'x-many': '1, 2' }, forwarder)
      t.equal(body, expected)
    }
  }
})

t.test('hints without end are passed on in a bounded number, and are no answer', async t => {
  const hint = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n'
  let gone: Promise<unknown> = Promise.resolve()
  const port = await listen(t, net.createServer(socket => {
    gone = new Promise(resolve => { socket.once('close', resolve) })
    const flood = (): void => { while (!socket.destroyed && socket.write(hint.repeat(100))) { /* as fast as it is taken */ } }
    socket.on('drain', flood).once('data', flood)
  }))
  const front = await startFront(t, { upstream: `http://127.0.0.1:${port}` })
  const answer = await sendRaw(front.port, 'GET /x HTTP/1.1\r\nHost: a\r\nCookie: session=alice\r\nConnection: close\r\n\r\n')
  t.equal(answer.match(/HTTP\/1\.1 103 /g)?.length, 16)
  t.match(answer, /HTTP\/1\.1 502 Bad Gateway\r\n/)
  await gone
})
