import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startGateway, startUpstream, type Received } from './parts.ts'

t.test('a route whose uri is the redirect_uri takes the answer in its place, and the upstream sees nothing of it', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const upstream = await startUpstream(t)
  for (const [redirectUri, host] of [['/api', '*'], ['http://localhost/api', 'localhost']] as const) {
    const plugins = { 'openid-connect': { discovery: provider.discovery, client_id: provider.clientId, client_secret: provider.clientSecret, redirect_uri: redirectUri, session: { secret: 'a secret of more than thirty-two bytes, for tests' } } }
    const hosts = host === '*' ? {} : { host }
    const gateway = await startGateway(t, { routes: [{ uri: '/api', ...hosts, upstream, plugins }, { uri: '/api/*', ...hosts, upstream, plugins }] })
    const browser = new Browser().route('http://localhost', gateway.app)
    for (const [asked, url] of [['/api?q=1&code=own&state=own', '/api?q=1&code=own&state=own'], ['/api/deep?x', '/api/deep?x']] as const) {
      const page = await browser.navigate(`http://localhost${asked}`)
      t.equal(page.status, 200, asked)
      const received = JSON.parse(page.body) as Received
      t.equal(received.url, url)
      t.ok(received.headers['x-access-token'])
      t.equal(page.url.pathname + page.url.search, asked)
    }
    t.equal((await gateway.app.inject({ url: '/logout', headers: { host: 'localhost' } })).statusCode, 302, 'the other paths of the login are as ever')
  }
})
