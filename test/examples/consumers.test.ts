import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { startExample } from './running-example.ts'

t.test('the rate-limit example counts by person, and gives gold consumers more', async t => {
  const limitOf = async (login: string): Promise<number> => {
    const provider = await createTestProvider({ autoLogin: login })
    t.teardown(async () => { await provider.close() })
    const origin = await startExample(t, 'rate-limit', provider)
    const browser = new Browser()
    t.equal((await browser.navigate(`${origin}/`)).body, `Hello ${login === 'alice' ? 'gold' : 'silver'}\n`)
    let answered = 1
    while ((await browser.fetch(`${origin}/`, { from: `${origin}/` })).status === 200) answered++
    t.equal((await browser.fetch(`${origin}/`, { from: `${origin}/` })).status, 429)
    t.equal((await new Browser().navigate(`${origin}/public`)).status, 200, 'others at the same address are not counted with them')
    return answered
  }
  t.strictSame(await Promise.all([limitOf('alice'), limitOf('bob')]), [5, 2])
})

t.test('the auth-strategies example lets pass by one rule or the other', async t => {
  const statusesOf = async (login: string): Promise<number[]> => {
    const provider = await createTestProvider({ autoLogin: login })
    t.teardown(async () => { await provider.close() })
    const origin = await startExample(t, 'auth-strategies', provider)
    const browser = new Browser()
    const status = async (path: string): Promise<number> => (await browser.navigate(origin + path)).status
    return [await status('/council'), await status('/holocrons/bob'), await status('/holocrons/alice')]
  }
  t.strictSame(await Promise.all([statusesOf('alice'), statusesOf('bob')]), [[200, 200, 200], [403, 200, 403]])
})
