import Fastify from 'fastify'
import t from 'tap'
import redisStore, { redisCoordination } from 'fastify-oidc-redis-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { explain } from '../../packages/redis-store/src/failure.ts'

const redis = await startRedis(t)
const secret = 'the secret of this test, long enough'

async function boot (plugin: typeof redisCoordination | typeof redisStore): Promise<{ readonly app: ReturnType<typeof Fastify>, readonly warnings: ReadonlyArray<Record<string, unknown>> }> {
  const warnings: Array<Record<string, unknown>> = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: line => { warnings.push(JSON.parse(line) as Record<string, unknown>) } } } })
  t.teardown(() => app.close())
  await app.register(plugin, { session: { secret, redis: { port: redis.port } } })
  return { app, warnings }
}

t.test('a Redis that evicts forgets logouts, and the log says so at boot', async t => {
  const first = await boot(redisCoordination)
  t.strictSame(first.warnings, [], 'without a limit nothing is evicted')
  const session = sampleSession()
  await first.app.oidcSessionCoordinator.end({ id: session.id }, session.createdAt, session.createdAt + 3600)
  t.equal(await (await boot(redisCoordination)).app.oidcSessionCoordinator.hasEnded(session), true)

  const used = Number(/^used_memory:(\d+)/m.exec(String(await redis.command('INFO', 'memory')))?.[1])
  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl')
  await redis.command('CONFIG', 'SET', 'maxmemory', String(used - 1))
  await redis.command('SET', 'something', 'x').catch(() => {})
  await redis.command('CONFIG', 'SET', 'maxmemory', '100mb')
  const late = await boot(redisCoordination)
  t.equal(await late.app.oidcSessionCoordinator.hasEnded(session), false, 'it is as bad as the log says')
  t.match(late.warnings, [{ oidc: 'redis.evicts', policy: 'volatile-ttl', msg: 'Redis forgets keys when its memory is full (maxmemory-policy volatile-ttl), and logouts with them: set maxmemory-policy noeviction, and maxmemory large enough' }])
  t.equal((await boot(redisStore)).warnings.length, 1, 'so does the store')

  await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  t.strictSame((await boot(redisCoordination)).warnings, [])
})

t.test('who is out of memory is not told to forget', t => {
  const { remedy } = explain(new Error("OOM command not allowed when used memory > 'maxmemory'."))
  t.match(remedy, /raise maxmemory/)
  t.notMatch(remedy, /evict keys/)
  t.end()
})
