import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { alice, echo, startFront, startUpstream, until, type Echo } from './parts.ts'

const MEGABYTE = 1024 * 1024

t.test('bodies go on byte for byte, whatever their type', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url })
  const bodies: Array<[string | null, string]> = [
    ['application/json', '{"a" : 1, "a":2 }'], ['application/json', '{broken'], ['text/plain', 'caf\u00e9\u0000'], ['application/x-www-form-urlencoded', 'a=1&a=2'], ['multipart/form-data; boundary=x', '--x--'], ['application/octet-stream', '\u00ff\u00fe'], [null, 'untyped']
  ]
  for (const [type, body] of bodies) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const request = http.request(`${front.origin}/x`, { method, headers: { ...alice, 'content-length': Buffer.byteLength(body, 'latin1'), ...(type === null ? {} : { 'content-type': type }) } })
      request.end(Buffer.from(body, 'latin1'))
      const [response] = await once(request, 'response') as [http.IncomingMessage]
      let text = ''
      for await (const chunk of response) text += String(chunk)
      const seen = JSON.parse(text) as Echo
      t.same([seen.method, seen.body, seen.headers['content-type']], [method, body, type ?? undefined], `${method} ${type}`)
    }
  }
})

t.test('O036: a body of 100 MB goes through both ways unchanged, and is never held here', async t => {
  const upstream = await startUpstream(t, (request, response) => { request.pipe(response) })
  const front = await startFront(t, { upstream: upstream.url })
  const chunk = randomBytes(MEGABYTE)
  const sent = createHash('sha256')
  const received = createHash('sha256')
  const request = http.request(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'application/octet-stream' } })
  const answered = once(request, 'response') as Promise<[http.IncomingMessage]>
  await Promise.all([
    pipeline(async function * () {
      for (let part = 0; part < 100; part++) {
        sent.update(chunk)
        yield chunk
      }
    }, request),
    answered.then(async ([response]) => { for await (const part of response) received.update(part as Buffer) })
  ])
  t.equal(received.digest('hex'), sent.digest('hex'))
})

t.test('an upstream that does not read stops the client', async t => {
  const upstream = await startUpstream(t, request => { request.pause() })
  const front = await startFront(t, { upstream: upstream.url })
  const request = http.request(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'application/octet-stream' } }).on('error', () => {})
  const chunk = Buffer.alloc(MEGABYTE)
  let written = 0
  while (written < 100) {
    const drained = request.write(chunk) || await Promise.race([once(request, 'drain'), wait(300, false)])
    if (drained === false) break
    written++
  }
  t.ok(written < 40, `${written} MB were taken`)
  request.destroy()
})

t.test('a client that does not read stops the upstream', async t => {
  let written = 0
  let blocked = false
  const upstream = await startUpstream(t, (_request, response) => {
    const chunk = Buffer.alloc(MEGABYTE)
    const push = (): void => {
      while (written < 100 && response.write(chunk)) written++
      if (written === 100) response.end()
    }
    response.on('drain', () => { written++; push() })
    push()
    let last = -1
    const timer = setInterval(() => {
      if (last === written) { blocked = true; clearInterval(timer) }
      last = written
    }, 200)
  })
  const front = await startFront(t, { upstream: upstream.url })
  const request = http.get(`${front.origin}/x`, { headers: alice })
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  response.pause()
  await until(() => blocked)
  t.ok(written < 40, `${written} MB were taken`)
  let length = 0
  for await (const part of response) length += (part as Buffer).length
  t.equal(length, 100 * MEGABYTE)
})

t.test('the first part of an upload reaches the upstream before the last is sent', async t => {
  const upstream = await startUpstream(t, (request, response) => { request.once('data', (part: Buffer) => { response.write(part) }).on('end', () => { response.end() }) })
  const front = await startFront(t, { upstream: upstream.url })
  const request = http.request(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain' } })
  request.write('first')
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  t.equal(String((await once(response, 'data'))[0]), 'first')
  request.end('last')
  await once(response, 'end')
})

t.test('O033: each event of an event stream arrives when it is sent', async t => {
  let send: (text: string) => void = () => {}
  const upstream = await startUpstream(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send = text => { response.write(`data: ${text}\n\n`) }
    response.flushHeaders()
  })
  const front = await startFront(t, { upstream: upstream.url })
  const response = await fetch(front.origin, { headers: { ...alice, accept: 'text/event-stream' } })
  const reader = response.body?.getReader()
  for (const text of ['one', 'two', 'three']) {
    send(text)
    t.equal(Buffer.from((await reader?.read())?.value ?? []).toString(), `data: ${text}\n\n`)
  }
  await reader?.cancel()
})

t.test('compressed answers go on as they are', async t => {
  const bytes = randomBytes(100)
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(200, { 'content-encoding': 'br', 'content-length': bytes.length }).end(bytes) })
  const front = await startFront(t, { upstream: upstream.url })
  const request = http.get(front.origin, { headers: { ...alice, 'accept-encoding': 'br' } })
  const [response] = await once(request, 'response') as [http.IncomingMessage]
  t.equal(response.headers['content-encoding'], 'br')
  t.same(Buffer.concat(await response.toArray() as Buffer[]), bytes)
})
