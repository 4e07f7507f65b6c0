import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Redis } from 'ioredis'
import type { Gateway } from 'fastify-oidc-gateway'
import { createTestProvider, login } from 'fastify-oidc-testing'
import { main } from '../../packages/gateway/src/cli/main.ts'
import { startRedis } from '../support/redis-server.ts'
import { until } from '../support/redis-process.ts'
import { ask, startGateway, startUpstream } from './parts.ts'

interface Readiness { readonly statusCode: number, readonly red: readonly string[] }

const provider = await createTestProvider({ autoLogin: 'alice' })
t.teardown(async () => { await provider.close() })

async function readinessOf ({ app }: Gateway): Promise<Readiness> {
  const { statusCode, body } = await app.inject('/ready')
  return { statusCode, red: (JSON.parse(body) as { red: string[] }).red }
}

/** A gateway with one route that needs Redis and one that does not. */
async function build (t: Test, session: (port: number) => Record<string, unknown>) {
  const redis = await startRedis(t)
  const upstream = await startUpstream(t)
  const { discovery, clientId, clientSecret } = provider
  const guarded = (more: Record<string, unknown>) => ({ 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, session: { secret: 'a session secret that is long enough', ...more } } })
  const gateway = await startGateway(t, { routes: [{ uri: '/*', host: 'plain.example', upstream, plugins: guarded({}) }, { uri: '/*', host: 'app.example', upstream, plugins: guarded(session(redis.port)) }] } as never)
  await gateway.app.ready()
  return { redis, gateway }
}

for (const [name, session] of [
  ['sessions in Redis', (port: number) => ({ storage: 'redis', redis: { port } })],
  ['cookies that agree through Redis', (port: number) => ({ coordination: 'redis', redis: { port } })]
] as const) {
  t.test(`${name}: /ready names what is red while Redis is gone, and sessions live on`, async t => {
    const { redis, gateway } = await build(t, session)
    await until('ready', async () => (await readinessOf(gateway)).statusCode === 200)
    const { cookie } = await login(gateway.app, { origin: 'http://app.example' })
    const status = async (): Promise<number> => (await ask(gateway, '/', { host: 'app.example', headers: { cookie, 'sec-fetch-mode': 'cors' } })).status
    t.equal(await status(), 200)

    await redis.kill()
    await until('red', async () => (await readinessOf(gateway)).statusCode === 503)
    t.same(await readinessOf(gateway), { statusCode: 503, red: ['sessions of routes[1]'] })
    if (name === 'sessions in Redis') t.match(await ask(gateway, '/', { host: 'app.example', headers: { cookie } }), { status: 503, headers: { 'retry-after': String, 'set-cookie': undefined } })
    t.equal((await ask(gateway, '/', { host: 'plain.example' })).status, 302, 'the other route goes on')

    await redis.start()
    await until('ready again', async () => (await readinessOf(gateway)).statusCode === 200)
    t.same(await readinessOf(gateway), { statusCode: 200, red: [] })
    // A Redis that forgot everything forgot its sessions too.
    t.equal(await status(), name === 'sessions in Redis' ? 401 : 200)
  })
}

t.test('a gateway that starts before its Redis and its provider is red for both, and not for long', async t => {
  const away = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await away.close() })
  await away.stop()
  const redis = await startRedis(t)
  await redis.kill()
  const upstream = await startUpstream(t)
  const gateway = await startGateway(t, { routes: [{ uri: '/*', upstream, plugins: { 'openid-connect': { discovery: away.discovery, client_id: away.clientId, client_secret: away.clientSecret, session: { secret: 'a session secret that is long enough', storage: 'redis', redis: { port: redis.port } } } } }] } as never)
  t.same(await readinessOf(gateway), { statusCode: 503, red: ['provider of routes[0]', 'sessions of routes[0]'] })
  await Promise.all([away.start(), redis.start()])
  await until('ready', async () => (await readinessOf(gateway)).statusCode === 200)
  t.equal((await login(gateway.app)).response.status, 200)
})

t.test('/ready is red for consumers while their Redis is gone, and explain looks them up there', async t => {
  const redis = await startRedis(t)
  const client = new Redis(redis.port)
  await client.hset('consumers:custom_id', 'alice', '{"username":"Yoda","custom_id":"alice"}')
  await client.quit()
  const { discovery, clientId, clientSecret } = provider
  const routes = [{ uri: '/*', upstream: await startUpstream(t), plugins: { 'openid-connect': { discovery, client_id: clientId, client_secret: clientSecret, consumer: { claims: ['sub'], redis: {} }, session: { secret: 'a session secret that is long enough', redis: { port: redis.port } } } } }]
  const gateway = await startGateway(t, { routes } as never)
  await until('ready', async () => (await readinessOf(gateway)).statusCode === 200)

  const folder = t.testdir({ 'gateway.json': JSON.stringify({ routes }), alice: '{ "sub": "alice" }', bob: '{ "sub": "bob" }' })
  const explain = async (name: string): Promise<[number, string]> => {
    const said: string[] = []
    const code = await main(['explain', '-c', join(folder, 'gateway.json'), '--route', '/', '--claims', join(folder, name)], { environment: {}, out: text => { said.push(text) }, err: () => {}, style: (_stream, _style, text) => text, flushed: async () => {}, progress: () => {}, ask: async () => null })
    return [code, said.join('\n')]
  }
  t.match(await explain('alice'), [0, /verdict {2}passes/])
  t.match(await explain('bob'), [1, /FST_OIDC_CONSUMER_UNMAPPED/])

  await redis.kill()
  await until('red', async () => (await readinessOf(gateway)).statusCode === 503)
  t.same(await readinessOf(gateway), { statusCode: 503, red: ['consumers of routes[0]'] }, 'sessions are in browsers, and fine')
  await redis.start()
  await until('ready again', async () => (await readinessOf(gateway)).statusCode === 200)
})
