import t, { type Test } from 'tap'
import { Browser, createTestProvider, type TestProvider } from 'fastify-oidc-testing'
import { startUpstream } from '../gateway/parts.ts'
import { startGuardedGateway } from './support/gateway.ts'

async function startGateway (t: Test, provider: TestProvider): ReturnType<typeof startGuardedGateway> {
  return await startGuardedGateway(t, provider, await startUpstream(t), { timeout: 20 })
}

const statusOf = async (url: string): Promise<number> => (await fetch(url, { redirect: 'manual' })).status

t.test('a gateway starts while its provider is down, and recovers by itself', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  await provider.stop()
  const { gateway, origin } = await startGateway(t, provider)
  t.equal(await statusOf(`${origin}/ping`), 200)
  const ready = await fetch(`${origin}/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.text(), 'provider', 'the red part is named')
  const page = await new Browser().navigate(`${origin}/`)
  t.equal(page.status, 503)
  t.match(page.headers.get('retry-after'), /^\d+$/)
  t.match(page.body, 'FST_OIDC_PROVIDER_UNAVAILABLE')

  await provider.start()
  const deadline = performance.now() + 60_000
  while (await statusOf(`${origin}/ready`) !== 200 && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(await statusOf(`${origin}/ready`), 200)
  t.equal((await new Browser().navigate(`${origin}/x`)).status, 200, 'and logs in')
  t.equal(gateway.app.oidc, undefined, 'the core stays in its scope')
})

t.test('a provider that goes down later costs nobody a living session', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const { origin } = await startGateway(t, provider)
  const browser = new Browser()
  t.equal((await browser.navigate(`${origin}/x`)).status, 200)
  await statusOf(`${origin}/ready`)
  await provider.stop()
  t.equal((await browser.navigate(`${origin}/x`)).status, 200, 'the token lives')
  t.equal(await statusOf(`${origin}/ready`), 200, 'and all nodes stay in their balancer')
})

t.test('a renewal that is due with a dead token is 503, and the session is there when the provider is back', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice', ttl: { accessToken: 1 } })
  t.teardown(async () => { await provider.close() })
  const { origin } = await startGateway(t, provider)
  const browser = new Browser()
  t.equal((await browser.navigate(`${origin}/x`)).status, 200)
  await provider.stop()
  await new Promise(resolve => setTimeout(resolve, 1500))
  const before = browser.cookieHeader(`${origin}/`)
  const refused = await browser.navigate(`${origin}/x`)
  t.equal(refused.status, 503)
  t.match(refused.headers.get('retry-after'), /^\d+$/)
  t.equal(browser.cookieHeader(`${origin}/`), before, 'the cookie is kept')
  await provider.start()
  const again = await browser.navigate(`${origin}/x`)
  t.equal(again.status, 200)
  t.equal(again.history.length, 1, 'nobody was logged out')
})
