import t from 'tap'
import { alice, echo, requestRaw, startFront, startUpstream } from './parts.ts'

const session = 'Cookie: a=1; session=alice; b=2; session_1=more'

t.test('the upstream is told who calls, and a forged identity does not arrive', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url, prefix: '/api' })
  const { status, echo: seen } = await requestRaw(front.port, '/api/x?y=1', [session, 'X-Userinfo: forged', 'X_Userinfo: forged', 'X-Access-Token: forged', 'x-forwarded-user: forged'])
  t.equal(status, 200)
  t.equal(seen.url, '/x?y=1')
  t.equal(seen.headers['x-access-token'], 'token-of-alice')
  t.same(JSON.parse(Buffer.from(String(seen.headers['x-userinfo']), 'base64').toString()), { sub: 'alice' })
  t.notOk(seen.headers['x_userinfo'])
  t.notOk(seen.headers['x-forwarded-user'])
})

t.test('O203, W13, S444: our cookies stay here, the others go on', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url })
  t.equal((await requestRaw(front.port, '/', [session])).echo.headers.cookie, 'a=1; b=2')
  const alone = await requestRaw(front.port, '/', ['Cookie: session=alice'])
  t.equal(alone.status, 200)
  t.notOk('cookie' in alone.echo.headers)
})

t.test('an open route strips as well, and tells nothing', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url, oidc: false })
  const { status, echo: seen } = await requestRaw(front.port, '/', [session, 'X-Access-Token: forged'])
  t.equal(status, 200)
  t.equal(seen.headers.cookie, 'a=1; b=2')
  t.notOk('x-access-token' in seen.headers)
})

t.test('a route\'s policy reaches the guard', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, [{ upstream: upstream.url, prefix: '/optional', oidc: { unauth_action: 'pass' } }, { upstream: upstream.url, prefix: '/closed' }])
  t.equal((await requestRaw(front.port, '/optional/', [])).status, 200)
  t.equal((await requestRaw(front.port, '/closed/', [])).status, 401)
})

t.test('hop-by-hop headers end here', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url, websocket: false })
  const { status, echo: seen } = await requestRaw(front.port, '/', [session, 'Keep-Alive: timeout=5', 'TE: trailers', 'Trailer: X-T', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Proxy-Authorization: Basic eDp5', 'Proxy-Connection: keep-alive', 'Proxy: http://evil.example', 'Expect: 100-continue', 'Connection: close, X-Foo, upgrade', 'X-Foo: 1', 'X-Bar: 2'])
  t.equal(status, 200)
  const gone = ['keep-alive', 'te', 'trailer', 'upgrade', 'http2-settings', 'proxy-authorization', 'proxy-connection', 'proxy', 'expect', 'x-foo']
  t.same(gone.filter(name => name in seen.headers), [])
  t.equal(seen.headers['x-bar'], '2')
})

t.test('O202, W1: Connection cannot take away what we say', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url })
  const named = ['x-access-token', 'X-Userinfo', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'host', 'authorization']
  const { status, echo: seen } = await requestRaw(front.port, '/', [session, `Connection: close, ${named.join(', ')}`])
  t.equal(status, 200)
  t.equal(seen.headers['x-access-token'], 'token-of-alice')
  t.ok(seen.headers['x-userinfo'])
  t.match(seen.headers, { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'app.example.com:8443', host: `127.0.0.1:${upstream.port}` })
})

t.test('O205: a peer that is not trusted says nothing about where a request came from', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url })
  const { echo: seen } = await requestRaw(front.port, '/', [session, 'X-Forwarded-For: 6.6.6.6', 'X_Forwarded_For: 6.6.6.6', 'X.Forwarded.For: 6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Port: 1', 'X-Forwarded-Prefix: /evil', 'Forwarded: for=6.6.6.6', 'X-Real-IP: 6.6.6.6', 'X_Real_IP: 6.6.6.6', 'X-Original-URL: /admin', 'X-Rewrite-URL: /admin'])
  t.match(seen.headers, { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', 'x-forwarded-proto': 'http', 'x-forwarded-host': 'app.example.com:8443', 'x-forwarded-port': '8443' })
  const names = seen.names.map(name => name.toLowerCase())
  for (const name of ['forwarded', 'x-forwarded-prefix', 'x_forwarded_for', 'x.forwarded.for', 'x_real_ip', 'x-original-url', 'x-rewrite-url']) t.notOk(names.includes(name), name)
  t.equal(new Set(names).size, names.length, 'no header twice')
  t.notMatch(JSON.stringify(seen.headers), /6\.6\.6\.6|evil/)
})

t.test('O204: what a trusted proxy vouches for goes on, and nothing before it', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url }, { trustProxy: ['127.0.0.1', '10.0.0.0/8'] })
  const { echo: seen } = await requestRaw(front.port, '/', [session, 'X-Forwarded-For: 6.6.6.6, 203.0.113.7, 10.0.0.1', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: www.example.com', 'X-Forwarded-Prefix: /app', 'Forwarded: for=6.6.6.6'])
  t.match(seen.headers, { 'x-forwarded-for': '203.0.113.7, 10.0.0.1, 127.0.0.1', 'x-real-ip': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'www.example.com', 'x-forwarded-port': '443', 'x-forwarded-prefix': '/app' })
  t.notOk('forwarded' in seen.headers)
})

t.test('O035: the Host is the upstream\'s, the client\'s, or a fixed one', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, [
    { upstream: upstream.url, prefix: '/node' },
    { upstream: upstream.url, prefix: '/pass', pass_host: 'pass' },
    { upstream: upstream.url, prefix: '/rewrite', pass_host: 'rewrite', upstream_host: 'inside.example:81' }
  ])
  const hostAt = async (path: string): Promise<string | undefined> => (await requestRaw(front.port, path, [session])).echo.headers.host
  t.equal(await hostAt('/node/'), `127.0.0.1:${upstream.port}`)
  t.equal(await hostAt('/pass/'), 'app.example.com:8443')
  t.equal(await hostAt('/rewrite/'), 'inside.example:81')
})

t.test('two proxies in one scope keep to themselves', async t => {
  const one = await startUpstream(t, (_request, response) => { response.end('one') })
  const two = await startUpstream(t, (_request, response) => { response.end('two') })
  const front = await startFront(t, [{ upstream: one.url, prefix: '/one' }, { upstream: two.url, prefix: '/two' }])
  t.equal(await (await fetch(`${front.origin}/one/x`, { headers: alice })).text(), 'one')
  t.equal(await (await fetch(`${front.origin}/two/x`, { headers: alice })).text(), 'two')
  t.notOk(front.app.hasReplyDecorator('from'), 'nothing leaks into the scope around them')
})

t.test('paths: prefix, rewrite_prefix, a path in upstream, routes and constraints', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, [
    { upstream: upstream.url, prefix: '/kept', rewrite_prefix: '/kept' },
    { upstream: `${upstream.url}/base`, prefix: '/based' },
    { upstream: upstream.url, routes: ['/exact'] },
    { upstream: upstream.url, prefix: '/hosted', constraints: { host: 'app.example.com:8443' } },
    { upstream: upstream.url, prefix: '/dav', methods: ['GET', 'PROPFIND'] }
  ])
  const at = async (path: string, method = 'GET'): Promise<string> => {
    const { status, echo: seen } = await requestRaw(front.port, path, [session], method)
    return status === 200 ? `${seen.method} ${seen.url}` : String(status)
  }
  t.equal(await at('/kept/a%20b?q=%2F#x'), 'GET /kept/a%20b?q=%2F#x')
  t.equal(await at('/based/x'), 'GET /base/x')
  t.equal(await at('/exact'), 'GET /exact')
  t.equal(await at('/exactly'), '404')
  t.equal(await at('/hosted/x'), 'GET /x')
  t.equal((await fetch(`${front.origin}/hosted/x`, { headers: alice })).status, 404)
  t.equal(await at('/dav/x', 'PROPFIND'), 'PROPFIND /x')
  t.equal(await at('/dav/x', 'POST'), '404')
})

t.test('get_upstream chooses, synchronously or not, and a bad choice is a 500', async t => {
  const one = await startUpstream(t, (_request, response) => { response.end('one') })
  const two = await startUpstream(t, (_request, response) => { response.end('two') })
  const choices: Record<string, string | Promise<string>> = { one: one.url, two: Promise.resolve(two.url), path: `${one.url}/admin`, file: 'file:///etc/passwd', nothing: '' }
  const front = await startFront(t, { get_upstream: request => choices[String(request.headers['x-choose'])] ?? '' })
  const at = async (choice: string): Promise<string> => {
    const response = await fetch(`${front.origin}/x`, { headers: { ...alice, 'x-choose': choice } })
    return response.status === 200 ? await response.text() : (await response.json() as { code: string }).code
  }
  t.equal(await at('one'), 'one')
  t.equal(await at('two'), 'two')
  t.equal(await at('one'), 'one')
  for (const choice of ['path', 'file', 'nothing']) t.equal(await at(choice), 'FST_OIDC_PROXY_UPSTREAM_INVALID', choice)
})

t.test('more header names than are remembered are judged the same', async t => {
  const upstream = await startUpstream(t, echo)
  const front = await startFront(t, { upstream: upstream.url })
  for (let round = 0; round < 12; round++) {
    const lines = Array.from({ length: 100 }, (_, index) => `X-${round}-${index}: 1`)
    const { echo: seen } = await requestRaw(front.port, '/', [session, 'X_Forwarded_For: 6.6.6.6', ...lines])
    t.equal(seen.headers[`x-${round}-99`], '1')
    t.notOk('x_forwarded_for' in seen.headers)
  }
})
