import t from 'tap'
import { Browser, createTestProvider, login } from 'fastify-oidc-testing'
import { closedOrigin } from '../oidc/flow.ts'
import { startImported, verdictOf } from './import-oauth2-proxy-parts.ts'
import { askRaw, startUpstream } from './parts.ts'

const provider = await createTestProvider({ autoLogin: 'kim', users: { kim: { email: 'kim@corp.com', email_verified: true } } })
t.teardown(async () => { await provider.close() })

t.test('O022, O209: an upstream sees the path as it was written, and its cookies arrive one by one', async t => {
  const upstream = await startUpstream(t, 'upstream', (request, response) => {
    response.setHeader('set-cookie', ['a=1; Path=/', 'b=2; HttpOnly'])
    response.end(request.url)
  })
  const gateway = await startImported(t, provider, { skip_provider_button: true, upstreams: [upstream] })
  const { cookie } = await login(gateway.app, { path: '/page' })
  const origin = await gateway.listen()
  for (const path of ['/%2F/x', '/a%2Fb/x', '/a%20b?x=%2F&y=a+b', '/%7Euser', '/a/b%2fc?']) {
    const { status, body, headers } = await askRaw(origin, path, { cookie })
    t.strictSame([status, body], [200, path])
    t.strictSame(headers['set-cookie'], ['a=1; Path=/', 'b=2; HttpOnly'])
  }
})

t.test('O031, O032: an upstream that is away is 502, one that is silent 504, and neither says where it is', async t => {
  const silent = await startUpstream(t, 'silent', () => {})
  const [away, host] = [await closedOrigin(), new URL(silent).host]
  const gateway = await startImported(t, provider, { skip_provider_button: true, upstreams: [`${away}/`, `http://${host}/slow/`], upstream_timeout: '200ms' })
  const browser = new Browser().route('http://localhost', gateway.app)
  for (const [path, status] of [['/page', 502], ['/slow/page', 504]] as const) {
    const page = await browser.navigate(`http://localhost${path}`)
    t.match([page.status, page.headers.get('cache-control')], [status, 'no-store'], path)
    t.notMatch(page.body, /Go back|127\.0\.0\.1|ECONN|<form/)
  }
  t.equal(verdictOf('proxy_websockets', false), 'refused')
})
