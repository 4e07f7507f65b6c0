import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startExample } from '../examples/running-example.ts'

t.test('the proxy example tells the service who logged in', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const origin = await startExample(t, 'proxy', provider)
  const browser = new Browser()
  t.equal((await browser.fetch(`${origin}/api/whoami`, { from: `${origin}/` })).status, 401)
  t.equal((await browser.fetch(`${origin}/health`, { from: `${origin}/` })).body, 'ok\n')

  const page = await browser.navigate(`${origin}/app/whoami`)
  t.equal(page.status, 200)
  t.equal(page.url.pathname, '/app/whoami')
  t.match(JSON.parse(page.body), { sub: 'alice' })

  const call = await browser.fetch(`${origin}/api/whoami`, { from: `${origin}/` })
  t.equal(call.status, 200)
  t.match(JSON.parse(call.body), { sub: 'alice' })
})
