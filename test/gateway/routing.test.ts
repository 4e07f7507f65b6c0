import t from 'tap'
import { ask, askRaw, startGateway, startUpstream } from './parts.ts'

t.test('a path is exact, a prefix or everything, and reaches the upstream as it is', async t => {
  const [exact, prefix, rest] = await Promise.all(['exact', 'prefix', 'rest'].map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/foo', upstream: exact ?? '' },
      { uri: '/foo/*', upstream: prefix ?? '' },
      { uri: '/*', upstream: rest ?? '' }
    ]
  })
  for (const [url, name] of [['/foo', 'exact'], ['/foo?a=1&b=%20&c', 'exact'], ['/foo/', 'prefix'], ['/foo/a/b?x=/..', 'prefix'], ['/foobar', 'rest'], ['/', 'rest'], ['/f%6fo/x', 'prefix'], [`/foo/${'x'.repeat(3000)}`, 'prefix']] as const) {
    const { status, received } = await ask(gateway, url)
    t.match({ status, received }, { status: 200, received: { name, url } }, url)
  }
})

t.test('hosts are compared without case and port; a name goes before a wildcard, a wildcard before any', async t => {
  const names = ['name', 'wildcard', 'long wildcard', 'any']
  const [name, wildcard, long, any] = await Promise.all(names.map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/*', upstream: any ?? '' },
      { uri: '/*', host: '*.example.com', upstream: wildcard ?? '' },
      { uri: '/*', hosts: ['*.eu.example.com'], upstream: long ?? '' },
      { uri: '/*', hosts: ['App.example.com', 'other.example.org'], upstream: name ?? '' }
    ]
  })
  for (const [host, expected] of [['app.example.com', 'name'], ['APP.Example.com:4180', 'name'], ['app.example.com.', 'name'], ['other.example.org', 'name'], ['x.example.com', 'wildcard'], ['a.b.example.com', 'wildcard'], ['a.eu.example.com', 'long wildcard'], ['example.com', 'any'], ['10 app.example.com', 'any'], ['[::1]:80', 'any'], ['evilexample.com', 'any']] as const) {
    t.equal((await ask(gateway, '/x', { host })).received.name, expected, host)
  }
})

t.test('a route that is for other hosts or methods leaves the request to a wider one, or to nobody', async t => {
  const [narrow, wide] = await Promise.all(['narrow', 'wide'].map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/a/*', host: 'a.example.com', methods: ['GET'], upstream: narrow ?? '' },
      { uri: '/*', host: 'a.example.com', methods: ['GET', 'POST'], upstream: wide ?? '' }
    ]
  })
  t.equal((await ask(gateway, '/a/x', { host: 'a.example.com' })).received.name, 'narrow')
  t.equal((await ask(gateway, '/a/x', { host: 'a.example.com', method: 'POST' })).received.name, 'wide')
  t.equal((await ask(gateway, '/a/x', { host: 'a.example.com', method: 'DELETE' })).status, 404)
  t.equal((await ask(gateway, '/a/x', { host: 'b.example.com' })).status, 404)
})

t.test('of routes for the same path the highest priority is taken, then the closest host', async t => {
  const [low, high] = await Promise.all(['low', 'high'].map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/*', host: 'a.example.com', upstream: low ?? '' },
      { uri: '/*', host: '*.example.com', methods: ['GET'], priority: 10, upstream: high ?? '' }
    ]
  })
  t.equal((await ask(gateway, '/', { host: 'a.example.com' })).received.name, 'high')
  t.equal((await ask(gateway, '/', { host: 'a.example.com', method: 'POST' })).received.name, 'low')
})

t.test('nodes take turns by their weights', async t => {
  const [one, two] = await Promise.all(['one', 'two'].map(async name => await startUpstream(t, name)))
  const address = (origin = ''): string => new URL(origin).host
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: { nodes: { [address(one)]: 2, [address(two)]: 1, '127.0.0.1:1': 0 } } }] })
  const names: string[] = []
  for (let turn = 0; turn < 6; turn++) names.push((await ask(gateway, '/')).received.name)
  t.same(names, ['one', 'two', 'one', 'one', 'two', 'one'])
})

t.test("O035: the upstream sees the caller's host, its own, or one that is written", async t => {
  const upstream = await startUpstream(t)
  const { host } = new URL(upstream)
  const nodes = { [host]: 1 }
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/url', upstream },
      { uri: '/pass', upstream: { nodes } },
      { uri: '/node', upstream: { nodes, pass_host: 'node' } },
      { uri: '/rewrite', upstream: { nodes, pass_host: 'rewrite', upstream_host: 'inside.example' } }
    ]
  })
  for (const [url, expected] of [['/url', 'app.example.com'], ['/pass', 'app.example.com'], ['/node', host], ['/rewrite', 'inside.example']] as const) {
    t.equal((await ask(gateway, url, { host: 'app.example.com' })).received.headers.host, expected, url)
  }
})

t.test('identity headers of a caller do not reach the upstream of an open route, other headers do', async t => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream }] })
  const forged = { 'x-userinfo': 'forged', X_Userinfo: 'forged', 'x-access-token': 'forged', 'x-forwarded-user': 'forged', authorization: 'Basic b25lOnR3bw==', cookie: 'mine=1', 'x-other': 'kept' }
  const { headers } = (await ask(gateway, '/', { headers: forged })).received
  t.notMatch(JSON.stringify(headers), /forged/)
  t.match(headers, { authorization: 'Basic b25lOnR3bw==', cookie: 'mine=1', 'x-other': 'kept' })
})

t.test('a path that could mean another route to the upstream is refused', async t => {
  const [open, closed] = await Promise.all(['open', 'closed'].map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: open ?? '' }, { uri: '/admin/*', upstream: closed ?? '' }] })
  const origin = await gateway.listen()
  for (const path of ['/./admin/x', '/x/../admin/x', '/x/%2e%2e/admin/x', '/%2E/admin/x', '/x/..;/admin/x', '/admin%2fx', '/admin%5Cx', '/x/..%2fadmin/x', '/admin\\x', '/admin/x%00']) {
    t.equal((await askRaw(origin, path)).status, 400, path)
  }
  for (const [path, name] of [['/x%2fy', 'open'], ['/admin/x%2fy', 'closed'], ['/.well-known/x', 'open'], ['/a..b/', 'open'], ['/%61dmin/x', 'closed']] as const) {
    const { status, body } = await askRaw(origin, path)
    t.match({ status, received: JSON.parse(body) }, { status: 200, received: { name, url: path } }, path)
  }
  t.notMatch((await askRaw(origin, '//admin/x')).body, /"name":"open"/, 'slashes that stand together count as one')
})

t.test('a hidden slash that leads to another route for other methods alone is fine', async t => {
  const [registry, publishing] = await Promise.all(['registry', 'publishing'].map(async name => await startUpstream(t, name)))
  const gateway = await startGateway(t, { routes: [{ uri: '/npm/*', upstream: registry ?? '' }, { uri: '/npm/@scope/*', methods: ['PUT'], upstream: publishing ?? '' }, { uri: '/npm/-/*', methods: ['GET'], upstream: publishing ?? '' }] })
  const origin = await gateway.listen()
  for (const [method, path] of [['GET', '/npm/@scope%2fpkg'], ['HEAD', '/npm/-%2fx'], ['GET', '/npm//@scope//pkg']] as const) t.equal((await askRaw(origin, path, {}, method)).status, 200, path)
  for (const [method, path] of [['PUT', '/npm/@scope%2fpkg'], ['GET', '/npm/-%2fx']] as const) t.equal((await askRaw(origin, path, {}, method)).status, 400, path)
})

t.test('an upstream that cannot be reached is 502, and nothing of it is told', async t => {
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream: 'http://127.0.0.1:1' }] })
  const response = await gateway.app.inject('/')
  t.equal(response.statusCode, 502)
  t.notMatch(response.body, /127\.0\.0\.1|ECONN/)
})
