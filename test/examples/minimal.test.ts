import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startExample } from './running-example.ts'

t.test('the minimal example greets who logged in', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const origin = await startExample(t, 'minimal', provider)
  const browser = new Browser()
  const page = await browser.navigate(`${origin}/`)
  t.equal(page.status, 200)
  t.equal(page.body, 'Hello alice\n')
  t.equal(page.url.origin, origin)
})
