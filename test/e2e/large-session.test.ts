import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startUpstream, type Received } from '../gateway/parts.ts'
import { startGuardedGateway } from './support/gateway.ts'

t.test('a session of 20 KB of tokens works behind a gateway, page after page', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice', resource: 'urn:api', tokenSize: 10_000 })
  t.teardown(async () => { await provider.close() })
  const { origin } = await startGuardedGateway(t, provider, await startUpstream(t), { set_raw_id_token_header: true })
  const browser = new Browser()
  for (let page = 0; page < 3; page++) {
    const response = await browser.navigate(`${origin}/page?${page}`)
    t.equal(response.status, 200)
    const { headers, url } = JSON.parse(response.body) as Received
    t.equal(url, `/page?${page}`)
    const carried = (headers['x-access-token'] ?? '').length + (headers['x-raw-id-token'] ?? '').length
    t.ok(carried >= 20_000, `${carried} bytes of tokens reach the upstream`)
    t.notOk('cookie' in headers)
  }
  t.ok(browser.cookieHeader(`${origin}/`).length > 14_000, 'several cookies, of what is random in the tokens')
  t.ok(browser.cookies(`${origin}/`).every(({ name, value }) => name.length + value.length <= 4096), 'no cookie is larger than browsers take')
})
