import t from 'tap'
import type { OutgoingHttpHeaders } from 'node:http'
import type { ProxyOptions } from 'fastify-oidc-proxy'
import { alice, requestRaw, startFront, startUpstream, type Front, type Teardown } from './parts.ts'

/** An upstream that answers with these headers. */
async function startWith (t: Teardown, headers: OutgoingHttpHeaders, options: ProxyOptions = {}): Promise<Front> {
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(200, headers).end('ok') })
  return await startFront(t, { upstream: upstream.url, ...options })
}

async function get (front: Front, path = '/x'): Promise<Headers> {
  const response = await fetch(front.origin + path, { headers: alice, redirect: 'manual' })
  await response.text()
  return response.headers
}

t.test('an upstream cannot set our cookies, under any spelling, and is warned of once', async t => {
  const cookies = ['session=evil; Path=/', 'a=1', '  session=evil', '=session=evil', '__Host-session=evil; Secure', 'session_1 = evil', 'sessions=2', 'b=3; HttpOnly', 'session']
  const front = await startWith(t, { 'set-cookie': cookies })
  t.same((await get(front)).getSetCookie(), ['a=1', 'sessions=2', 'b=3; HttpOnly'])
  await get(front)
  const warnings = front.log.filter(line => line.oidc === 'proxy.cookie.dropped')
  t.equal(warnings.length, 1)
  t.match(warnings[0], { level: 40, cookie: 'session' })
  t.notMatch(JSON.stringify(warnings), /evil/, 'the value is not logged')
})

t.test('an upstream that sets nothing but our cookie sets nothing', async t => {
  const front = await startWith(t, { 'set-cookie': 'session=evil' })
  t.notOk((await get(front)).has('set-cookie'))
})

t.test('our cookie and the upstream\'s both arrive', async t => {
  const front = await startWith(t, { 'set-cookie': ['a=1', 'b=2'] })
  t.same((await get(front, '/renew')).getSetCookie(), ['session=alice; Path=/; HttpOnly', 'a=1', 'b=2'])
})

t.test('O210: an answer that carries our cookie stays out of shared caches', async t => {
  const cases: Array<[string | string[] | undefined, string]> = [
    [undefined, 'private, no-cache'],
    ['public, max-age=60', 'private, max-age=60'],
    ['max-age=60, s-maxage=600', 'private, max-age=60'],
    ['no-store', 'private, no-store'],
    ['Private, No-Store', 'private, No-Store'],
    ['PUBLIC, S-MaxAge = "600"', 'private'],
    ['private="set-cookie, x", no-cache="a,b", immutable', 'private, no-cache="a,b", immutable'],
    [['public', 'max-age=1'], 'private, max-age=1'],
    ['public, x="unfinished, s-maxage=600', 'private, x=, unfinished']
  ]
  for (const [sent, expected] of cases) {
    const front = await startWith(t, { ...(sent === undefined ? {} : { 'cache-control': sent }), 'cdn-cache-control': 'max-age=600', 'surrogate-control': 'max-age=600', 'x-accel-expires': '600' } as OutgoingHttpHeaders)
    const headers = await get(front, '/renew')
    t.equal(headers.get('cache-control'), expected)
    for (const name of ['cdn-cache-control', 'surrogate-control', 'x-accel-expires']) t.notOk(headers.has(name), name)
  }
})

t.test('an answer without our cookie keeps its Cache-Control', async t => {
  const front = await startWith(t, { 'cache-control': 'public, max-age=60', 'cdn-cache-control': 'max-age=600' })
  const headers = await get(front)
  t.equal(headers.get('cache-control'), 'public, max-age=60')
  t.equal(headers.get('cdn-cache-control'), 'max-age=600')
})

t.test('hop-by-hop headers of an answer end here', async t => {
  const front = await startWith(t, { connection: 'close, X-Foo', 'x-foo': '1', 'keep-alive': 'timeout=5', 'proxy-authenticate': 'Basic', 'proxy-connection': 'close', trailer: 'x', upgrade: 'h2c', 'x-bar': '2' })
  const { head } = await requestRaw(front.port, '/x', ['Cookie: session=alice', 'Connection: keep-alive, close'])
  t.notMatch(head, /x-foo|timeout=5|proxy-|trailer|upgrade/i)
  t.match(head, /x-bar: 2/i)
})

t.test('repeated headers, status and reason survive; 204, 304 and HEAD have no body', async t => {
  const upstream = await startUpstream(t, (request, response) => {
    const status = Number(request.url?.slice(1))
    response.writeHead(status, { 'x-many': ['1', '2'], ...(status === 200 ? { 'content-length': 5 } : {}) })
    response.end(status === 200 ? 'hello' : undefined)
  })
  const front = await startFront(t, { upstream: upstream.url })
  for (const status of [200, 201, 204, 304, 404, 418, 500]) {
    const response = await fetch(`${front.origin}/${status}`, { headers: alice })
    t.equal(response.status, status)
    t.equal(response.headers.get('x-many'), '1, 2')
    await response.text()
  }
  const head = await fetch(`${front.origin}/200`, { method: 'HEAD', headers: alice })
  t.equal(head.headers.get('content-length'), '5')
})

t.test('a status that is none is 502', async t => {
  const upstream = await startUpstream(t, (_request, response) => { response.socket?.end('HTTP/1.1 799 Odd\r\nContent-Length: 2\r\n\r\nok') })
  const front = await startFront(t, { upstream: upstream.url })
  const response = await fetch(front.origin, { headers: alice })
  t.equal(response.status, 502)
  t.match(await response.json(), { code: 'FST_OIDC_PROXY_BAD_GATEWAY' })
})

t.test('redirects below the prefix come back to the prefix, and none leads to another origin', async t => {
  let location = ''
  const upstream = await startUpstream(t, (_request, response) => { response.writeHead(302, { location }).end() })
  const front = await startFront(t, [{ upstream: upstream.url, prefix: '/api', rewrite_prefix: '/v1' }, { upstream: upstream.url, prefix: '/root' }, { upstream: `${upstream.url}/v1` }])
  const at = async (path: string, sent: string): Promise<string | null> => {
    location = sent
    return (await get(front, path)).get('location')
  }
  t.equal(await at('/api/x', '/v1/login?next=%2F#top'), '/api/login?next=%2F#top')
  t.equal(await at('/api/x', '/v1'), '/api')
  t.equal(await at('/api/x', '/v1?q'), '/api?q')
  t.equal(await at('/api/x', '/v10/login'), '/v10/login')
  t.equal(await at('/api/x', '/x/v1/y'), '/x/v1/y')
  t.equal(await at('/api/x', 'next'), 'next')
  t.equal(await at('/api/x', `${upstream.url}/v1/login`), '/api/login')
  t.equal(await at('/api/x', `${front.origin}/v1/login`), '/api/login')
  t.equal(await at('/api/x', 'https://idp.example/v1/login'), 'https://idp.example/v1/login')
  t.equal(await at('/root/x', '/login'), '/root/login')
  t.equal(await at('/root/x', '//cdn.example/login'), '//cdn.example/login')
  t.equal(await at('/root/x', `${upstream.url}//evil.example/`), `${upstream.url}//evil.example/`)
  t.equal(await at('/x', '/v1//evil.example/'), '/v1//evil.example/')
  t.equal(await at('/x', '/v1/\\evil.example/'), '/v1/\\evil.example/')
  t.equal(await at('/x', '/v1'), '/')
})
