import t from 'tap'
import { ask, startGateway, startUpstream } from './parts.ts'

t.test('O014: crawlers are asked to stay away, on every host and without a login', async t => {
  const plugin = { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', client_id: 'app', client_secret: 'x', session: { secret: 'a session secret that is long enough' } }
  const gateway = await startGateway(t, { routes: [{ uri: '/*', host: 'app.example.com', upstream: 'http://127.0.0.1:1', plugins: { 'openid-connect': plugin } }] })
  for (const host of ['app.example.com', 'other.example.com']) {
    const response = await gateway.app.inject({ url: '/robots.txt', headers: { host } })
    t.equal(response.statusCode, 200)
    t.equal(response.headers['content-type'], 'text/plain; charset=utf-8')
    t.equal(response.body, 'User-agent: *\nDisallow: /\n')
  }
  t.match(await ask(gateway, '/robots.txt', { method: 'HEAD' }), { status: 200, headers: { 'content-length': '26' } })
})

t.test('a route for the path comes first, on its hosts and with its methods', async t => {
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, {
    routes: [
      { uri: '/robots.txt', host: 'public.example.com', priority: -5, upstream },
      { uri: '/robots.txt', host: 'posts.example.com', methods: ['POST'], upstream },
      { uri: '/*', upstream }
    ]
  })
  t.match(await ask(gateway, '/robots.txt', { host: 'public.example.com' }), { received: { name: 'upstream' } })
  t.match(await ask(gateway, '/robots.txt', { host: 'posts.example.com' }), { received: { name: '' }, headers: { 'content-length': '26' } })
  t.match(await ask(gateway, '/robots.txt'), { received: { name: '' }, headers: { 'content-length': '26' } })
  t.match(await ask(gateway, '/robots.txt/x'), { received: { name: 'upstream' } })
})

t.test('robots_txt: false leaves the path to the routes', async t => {
  const gateway = await startGateway(t, { robots_txt: false, routes: [{ uri: '/*', upstream: await startUpstream(t) }] })
  t.match(await ask(gateway, '/robots.txt'), { status: 200, received: { url: '/robots.txt' } })
})
