import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { GatewayOptions } from 'fastify-oidc-gateway'
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

t.test('O015: a robots.txt beside the templates is what crawlers get, and one that is too long stops the boot', async t => {
  const folder = t.testdir({ 'robots.txt': 'User-agent: *\nAllow: /docs\n' })
  const plugin = { discovery: 'http://127.0.0.1:1/.well-known/openid-configuration', client_id: 'app', client_secret: 'x', session: { secret: 'a session secret that is long enough' } }
  const options = (others: object = {}): GatewayOptions => ({ endpoints: { custom_templates_dir: folder }, routes: [{ uri: '/*', upstream: 'http://127.0.0.1:1', plugins: { 'openid-connect': plugin } }], ...others })
  const gateway = await startGateway(t, options())
  const { statusCode, headers, body } = await gateway.app.inject('/robots.txt')
  t.match({ statusCode, type: headers['content-type'], body }, { statusCode: 200, type: 'text/plain; charset=utf-8', body: 'User-agent: *\nAllow: /docs\n' })
  const off = await startGateway(t, options({ robots_txt: false }))
  t.notMatch((await off.app.inject('/robots.txt')).body, 'Allow', 'unless it is switched off')
  writeFileSync(join(folder, 'robots.txt'), 'x'.repeat(500 * 1024 + 1))
  await t.rejects(async () => await startGateway(t, options()), { message: /endpoints\.custom_templates_dir.*has a robots\.txt that is longer than 500 KB/s })
})
