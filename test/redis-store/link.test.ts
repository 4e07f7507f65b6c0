import t, { type Test } from 'tap'
import { createRedisLink, type Log, type RedisLink, type RedisOptions } from 'fastify-oidc-redis-store'
import { parseOptions, sessionSchema } from 'fastify-oidc-session-store'
import { startRedis } from '../support/redis-server.ts'

type Written = Partial<RedisOptions>
type Line = Readonly<Record<string, unknown>> & { readonly level: string, readonly message: string }

function memoryLog (): { log: Log, lines: Line[] } {
  const lines: Line[] = []
  const write = (level: string) => (fields: object, message: string): void => { lines.push({ ...fields, level, message }) }
  return { lines, log: { info: write('info'), warn: write('warn'), error: write('error') } }
}

function build (t: Test, redis: Written, log: Log | null = null): RedisLink {
  const session = parseOptions('test', sessionSchema, { secret: 'the secret of this test', redis })
  const link = createRedisLink(session.redis, log)
  t.teardown(() => link.close())
  return link
}

const unavailable = { code: 'FST_OIDC_STORE_UNAVAILABLE', statusCode: 503 }

t.test('commands are answered, and nothing is logged while all is well', async t => {
  const { port } = await startRedis(t)
  const { log, lines } = memoryLog()
  const link = build(t, { port }, log)
  await link.ready()
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.equal(await link.run(redis => redis.get('a')), '1')
  t.same(lines, [])
})

t.test('a Redis that is not there is told at once, in one line, and found when it comes', async t => {
  const server = await startRedis(t)
  await server.kill()
  const { log, lines } = memoryLog()
  const link = build(t, { port: server.port }, log)
  await t.rejects(link.ready(), unavailable)
  const before = performance.now()
  for (let index = 0; index < 100; index++) await t.rejects(link.run(redis => redis.get('a')), unavailable)
  t.ok(performance.now() - before < 500)
  t.match(lines, [{ level: 'error', oidc: 'redis.down', reason: 'nothing listens there', message: `Redis at 127.0.0.1:${server.port} cannot be used: nothing listens there` }])
  await server.start()
  const up = new Promise<void>(resolve => { link.client.once('ready', () => resolve()) })
  await up
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.match(lines.slice(1), [{ level: 'info', oidc: 'redis.up' }])
})
