import t from 'tap'
import http2 from 'node:http2'
import { once } from 'node:events'
import { alice, echo, requestRaw, sendRaw, startFront, startUpstream, type Teardown } from './parts.ts'

const session = 'Cookie: session=alice'

async function startCounted (t: Teardown): Promise<{ url: string, seen: string[] }> {
  const seen: string[] = []
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(`${request.method} ${request.url}`)
    echo(request, response)
  })
  return { url: upstream.url, seen }
}

function codeOf (answer: string): string | undefined {
  return /"code":"([A-Z_0-9]+)"/.exec(answer)?.[1]
}

t.test('a GET or HEAD with a body does not go on: an upstream that ignores it would read it as a request', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url })
  const smuggled = 'GET /admin HTTP/1.1\r\nHost: x\r\n\r\n'
  const declared = await sendRaw(front.port, `GET /x HTTP/1.1\r\nHost: a\r\n${session}\r\nConnection: close\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`)
  t.match(declared, /^HTTP\/1\.1 400 /)
  t.equal(codeOf(declared), 'FST_OIDC_PROXY_BODY_REFUSED')
  const chunked = await sendRaw(front.port, `GET /x HTTP/1.1\r\nHost: a\r\n${session}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`)
  t.equal(codeOf(chunked), 'FST_OIDC_PROXY_BODY_REFUSED')
  t.same(seen, [])
  t.equal((await requestRaw(front.port, '/x', [session, 'Content-Length: 0'])).status, 200, 'an empty one is none')
})

t.test('what Node itself refuses never comes this far', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url })
  const shapes = {
    'length and coding': 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX',
    'two lengths': 'Content-Length: 5\r\nContent-Length: 6\r\n\r\nhelloX',
    'folded header': 'X-A: 1\r\n X-B: 2\r\nContent-Length: 0\r\n\r\n',
    'space before colon': 'Content-Length : 5\r\n\r\nhello',
    'coding in disguise': 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n',
    'bare line feed in a value': 'X-A: 1\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  }
  for (const [name, shape] of Object.entries(shapes)) {
    const answer = await sendRaw(front.port, `POST /x HTTP/1.1\r\nHost: a\r\n${session}\r\nConnection: close\r\n${shape}`)
    t.match(answer, /^HTTP\/1\.1 400 /, name)
  }
  t.same(seen, [])
})

t.test('what is open at one mount cannot be what is guarded at another, however an upstream reads slashes', async t => {
  const { url, seen } = await startCounted(t)
  const open = { oidc: false } as const
  const front = await startFront(t, [{ upstream: url, prefix: '/', ...open }, { upstream: url, prefix: '/admin', rewrite_prefix: '/admin' }, { upstream: url, routes: ['/files/:id', '/files/:id/*'] }, { upstream: url, prefix: '/own', constraints: { host: 'other.example' } }])
  for (const path of ['//admin/x', '/%2fadmin/x', '/admin%2Fx', '/admin%2fx', '/admin%5cx', '/admin\\x', '/admin;a=b/x', '/;x/admin/x', '//admin', '/admin%2f', '/%2F%61dmin/x', '//files/7', '/files%2f7', '/files;x/7', '/x%2f/;//..;/admin']) {
    t.match(await sendRaw(front.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 400 /, path)
  }
  t.same(seen, [])
  for (const path of ['/admin/x', '/files/7']) t.match(await sendRaw(front.port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`), /^HTTP\/1\.1 401 /, path)
  for (const path of ['/a%2fb', '/a//b', '/a;x/b', '/x/admin%2fy', '/administration%2fx', '/a%5cb', '/own%2fx']) t.equal((await requestRaw(front.port, path, [])).status, 200, path)
  for (const path of ['/admin/a%2fb', '/admin//a', '/admin/a;b']) t.equal((await requestRaw(front.port, path, [session])).status, 200, path)
  t.same(seen.slice(0, 4), ['GET /a%2fb', 'GET /a//b', 'GET /a;x/b', 'GET /x/admin%2fy'])
})

t.test('a mount whose parameter comes first is seen, and the more literal of two owns a path', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [{ upstream: url, prefix: '/', oidc: false }, { upstream: url, routes: ['/:tenant/admin', '/:tenant/admin/*', '/:name.json'] }, { upstream: url, prefix: '/shop', oidc: false }])
  const statusOf = async (path: string, host = 'a'): Promise<string> => (await sendRaw(front.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12)
  for (const path of ['/acme%2fadmin/x', '/acme//admin/x', '/acme%5cadmin', '/acme/admin;x/y', '/acme;x%2fadmin', '/a.json;x', '/;/a.json']) t.equal(await statusOf(path), '400', path)
  t.same(seen, [])
  for (const path of ['/acme/admin/x', '/acme;x/admin/x', '/acme/admin', '/a.json']) t.equal(await statusOf(path), '401', path)
  for (const path of ['/acme%2fusers/x', '/acme/x/admin%2fy', '/shop/admin', '/shop/admin%2fx', '/a.jsonp;x']) t.equal(await statusOf(path), '200', path)
})

t.test('a mount is asked for by its host, however the host is written, and only where it serves it', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [
    { upstream: url, prefix: '/', routes: ['/', '/*', '/both/*'], oidc: false },
    { upstream: url, prefix: '/own', constraints: { host: 'other.example' } },
    { upstream: url, prefix: '/many', constraints: { host: /^[a-z]+\.example$/g } },
    { upstream: url, prefix: '/both', constraints: { host: 'other.example' } }
  ])
  const statusOf = async (path: string, host: string): Promise<string> => (await sendRaw(front.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)).slice(9, 12)
  for (const path of ['/own%2fx', '/many%2fx', '/many;a/x', '/;/many', '/both%2fx']) t.equal(await statusOf(path, 'other.example'), '400', path)
  t.same(seen, [])
  for (const path of ['/own/x', '/many/x', '/both/x']) t.equal(await statusOf(path, 'other.example'), '401', path)
  for (const path of ['/own%2fx', '/own/x', '/many%2fx', '/both%2fx']) t.equal(await statusOf(path, 'a'), '200', path)
})

t.test('a mount is asked for by its methods: an npm package with a scope is read, and not written', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [{ upstream: url, routes: ['/npm/*'], oidc: false }, { upstream: url, routes: ['/npm/@scope/*'], methods: ['PUT'], websocket: false }, { upstream: url, routes: ['/read/*'], methods: ['GET'] }, { upstream: url, routes: ['/*'], oidc: false }])
  t.equal((await requestRaw(front.port, '/npm/@scope%2fpkg', [])).status, 200)
  t.equal((await requestRaw(front.port, '/npm/@scope%2fpkg', ['Content-Length: 0'], 'PUT')).status, 400)
  t.equal((await requestRaw(front.port, '/npm/@scope/pkg', ['Content-Length: 0'], 'PUT')).status, 401)
  t.equal((await requestRaw(front.port, '/read%2fx', [], 'HEAD')).status, 400, 'who serves GET serves HEAD')
  t.equal((await requestRaw(front.port, '/read%2fx', ['Content-Length: 0'], 'POST')).status, 200)
  t.same(seen, ['GET /npm/@scope%2fpkg', 'POST /read%2fx'])
})

t.test('mounts are compared as the router reads paths: without case or last slashes where it is told so', async t => {
  const { url, seen } = await startCounted(t)
  const mounts = [{ upstream: url, prefix: '/', oidc: false }, { upstream: url, routes: ['/admin/x'] }, { upstream: url, routes: ['*'], prefix: '/api' }] as const
  const lax = await startFront(t, mounts.map(mount => ({ ...mount, routes: 'routes' in mount ? [...mount.routes] : ['/', '/*'] })), { routerOptions: { caseSensitive: false, ignoreTrailingSlash: true } })
  for (const path of ['/ADMIN%2fx', '/admin%2fx/', '/%2fapi/x', '/;/apis']) t.equal((await requestRaw(lax.port, path, [])).status, 400, path)
  t.same(seen, [])
  const strict = await startFront(t, mounts.map(mount => ({ ...mount, routes: 'routes' in mount ? [...mount.routes] : ['/', '/*'] })))
  for (const path of ['/ADMIN%2fx', '/admin%2fx/']) t.equal((await requestRaw(strict.port, path, [])).status, 200, path)
})

t.test('variables of every spelling are seen: optional, restricted, several in a segment, and colons that are none', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [{ upstream: url, routes: ['/*', '/n/:name'], oidc: false }, { upstream: url, routes: ['/o/:x?', '/n/:id(^(?:\\d|[ab])+$)', '/n/:id(^\\d+$).png', '/a::b/x', '/m/:a-to-:b/x'] }])
  for (const path of ['/o;', '/o%2f', '/o%2fx', '/n/7;x', '/n/7.png;x', '/a:b%2fx', '/m%2f1-to-2/x', `/;/m/${'-to-'.repeat(2000)}/x`]) t.equal((await requestRaw(front.port, path, [])).status, 400, path.slice(0, 40))
  t.same(seen, [])
  for (const path of ['/o', '/o/1', '/n/7', '/n/7.png', '/a:b/x', '/m/1-to-2/x']) t.equal((await requestRaw(front.port, path, [])).status, 401, path)
  for (const path of ['/m%2f1-to-2/y', '/n/x%2fy', '/a%2fb;x']) t.equal((await requestRaw(front.port, path, [])).status, 200, path)
})

t.test('HTTP/2 clients: the host of a mount is the authority, where no other is said', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [{ upstream: url, prefix: '/', oidc: false }, { upstream: url, prefix: '/own', constraints: { host: 'other.example' } }], { http2: true } as object)
  const ask = connectHttp2(t, front.origin)
  t.equal((await ask({ ':path': '/own%2fx', ':authority': 'other.example' })).status, 400)
  t.same(seen, [])
  t.equal((await ask({ ':path': '/own%2fx', ':authority': 'a' })).status, 200)
})

t.test('a transfer coding beside chunked is 501: its body would arrive as something else', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url })
  const answer = await sendRaw(front.port, `POST /x HTTP/1.1\r\nHost: a\r\n${session}\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`)
  t.match(answer, /^HTTP\/1\.1 501 /)
  t.equal(codeOf(answer), 'FST_OIDC_PROXY_TRANSFER_CODING')
  t.same(seen, [])
})

t.test('a chunked upload goes on whole, and what follows it is a request of its own', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url })
  const post = `POST /first HTTP/1.1\r\nHost: a\r\n${session}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`
  const answers = await sendRaw(front.port, `${post}GET /second HTTP/1.1\r\nHost: a\r\n${session}\r\nConnection: close\r\n\r\n`)
  t.same(seen, ['POST /first', 'GET /second'])
  t.match(answers, /"body":"hello"/)
  t.equal(answers.match(/HTTP\/1\.1 200/g)?.length, 2)
})

t.test('paths that lead elsewhere are 400', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url, prefix: '/api', rewrite_prefix: '/inner' })
  const paths = ['/api/../admin', '/api/%2e%2e/admin', '/api/..%2fadmin', '/api/%2e%2e%2fadmin', '/api/..\\admin', '/api/..%5cadmin', '/api/..;/admin', '/api/%2e%2e;x=1/admin', '/api/..%3b/admin', '/api/.;/x', '/api/a/..;a/b']
  for (const path of paths) t.equal((await requestRaw(front.port, path, [session])).status, 400, path)
  t.same(seen, [])
  const fine = ['/api/a;b=1/c', '/api/a..b', '/api/a...b', '/api/a%3Bb', '/api/%E2%82%AC']
  for (const path of fine) t.equal((await requestRaw(front.port, path, [session])).status, 200, path)
  t.ok(seen.every(line => line.startsWith('GET /inner/')))
})

t.test('max_body holds declared and streamed bodies', async t => {
  const { url } = await startCounted(t)
  const front = await startFront(t, { upstream: url, max_body: 10 })
  const post = async (body: BodyInit): Promise<string> => {
    const response = await fetch(`${front.origin}/x`, { method: 'POST', headers: { ...alice, 'content-type': 'text/plain' }, body, duplex: 'half' } as RequestInit)
    return response.status === 200 ? (await response.json() as { body: string }).body : `${response.status} ${codeOf(await response.text())}`
  }
  const stream = (text: string): ReadableStream => new ReadableStream({ start (controller) { for (const part of text.match(/.{1,4}/g) ?? []) controller.enqueue(Buffer.from(part)); controller.close() } })
  t.equal(await post('0123456789'), '0123456789')
  t.equal(await post('0123456789a'), '413 FST_OIDC_PROXY_BODY_TOO_LARGE')
  t.equal(await post(stream('0123456789')), '0123456789')
  t.equal(await post(stream('0123456789a')), '413 FST_OIDC_PROXY_BODY_TOO_LARGE')
})

t.test('an upgrade where websocket is false is refused, and does not hang', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, [{ upstream: url, prefix: '/plain', websocket: false }, { upstream: url, prefix: '/ws' }])
  const upgrade = ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
  const refused = await requestRaw(front.port, '/plain/x', [session, ...upgrade])
  t.equal(refused.status, 400)
  const foreign = await requestRaw(front.port, '/ws/x', [session, 'Upgrade: h2c', 'Connection: Upgrade'])
  t.equal(foreign.status, 400, 'an upgrade to something else')
  t.same(seen, [])
})

type Ask = (headers: http2.OutgoingHttpHeaders, body?: string) => Promise<{ status: number, text: string }>

function connectHttp2 (t: Teardown, origin: string): Ask {
  const client = http2.connect(origin)
  t.teardown(() => { client.destroy() })
  return async (headers, body) => {
    const stream = client.request(headers, { endStream: body === undefined })
    if (body !== undefined) stream.end(body)
    let text = ''
    stream.on('data', (chunk: Buffer) => { text += chunk.toString() })
    const [response] = await once(stream, 'response') as [http2.IncomingHttpHeaders]
    await once(stream, 'end')
    return { status: Number(response[':status']), text }
  }
}

t.test('HTTP/2 clients: pseudo headers do not go on, bodies of GET are refused', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url }, { http2: true } as object)
  const ask = connectHttp2(t, front.origin)
  const { status, text } = await ask({ ':path': '/x', ':authority': 'app.example.com', ...alice, te: 'trailers' })
  t.equal(status, 200)
  const { headers } = JSON.parse(text) as { headers: Record<string, string> }
  t.same(Object.keys(headers).filter(name => name.startsWith(':') || name === 'te'), [])
  t.match(headers, { 'x-forwarded-host': 'app.example.com', 'x-forwarded-port': '80', 'x-access-token': 'token-of-alice' })
  t.equal((await ask({ ':path': '/x', ':method': 'POST', 'content-type': 'text/plain', ...alice }, 'hello')).status, 200)
  t.equal((await ask({ ':path': '/x', ...alice }, 'hello')).status, 400)
  t.same(seen, ['GET /x', 'POST /x'])
})

t.test('HTTP/2 clients: a body without length and type goes on whole, and max_body holds it', async t => {
  const { url } = await startCounted(t)
  for (const forwarder of ['own', 'stock'] as const) {
    const front = await startFront(t, { upstream: url, max_body: 5, forwarder }, { http2: true } as object)
    const ask = connectHttp2(t, front.origin)
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const { status, text } = await ask({ ':path': '/x', ':method': method, ...alice }, 'hello')
      t.equal(status, 200)
      t.equal((JSON.parse(text) as { body: string }).body, 'hello', `${forwarder} ${method}`)
    }
    t.equal((await ask({ ':path': '/x', ':method': 'POST', ...alice }, 'hello!')).status, 413)
    t.equal((await ask({ ':path': '/x', ':method': 'POST', ...alice })).status, 200, 'none at all')
  }
})

t.test('a path that cannot be put on the wire is 400, and the cause stays in the log', async t => {
  const { url, seen } = await startCounted(t)
  const front = await startFront(t, { upstream: url }, { rewriteUrl: () => '/x?a HTTP/1.1' })
  const response = await fetch(front.origin, { headers: alice })
  t.equal(response.status, 400)
  t.match(await response.json(), { code: 'FST_OIDC_PROXY_BAD_REQUEST', message: 'The request cannot be passed on' })
  t.match(await front.logged('proxy.refused'), { upstream: url, err: { message: 'invalid request path' } })
  t.same(seen, [])
})
