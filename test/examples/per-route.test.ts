import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startExample } from './running-example.ts'

t.test('the per-route example asks of each route what it says', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const origin = await startExample(t, 'per-route', provider)
  const browser = new Browser()
  const status = async (path: string, method = 'GET'): Promise<number> => (await browser.fetch(origin + path, { method, from: `${origin}/` })).status

  t.equal((await browser.navigate(`${origin}/about`)).body, 'about us\n')
  t.match((await browser.navigate(`${origin}/`)).body, 'Log in at /account')
  t.equal(await status('/api/reports'), 401)
  t.equal(await status('/admin/'), 401)

  t.equal((await browser.navigate(`${origin}/account`)).status, 200, 'a page logs in')

  t.match((await browser.navigate(`${origin}/`)).body, 'Welcome back, alice')
  t.equal(await status('/api/reports'), 200, 'the scope was granted')
  t.equal(await status('/api/reports', 'POST'), 403, 'this one was not')
  t.equal(await status('/admin/'), 403)
})
