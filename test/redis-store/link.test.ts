import t from 'tap'
import { startRedis } from '../support/redis-server.ts'
import { memoryLog, openLink, timeOf, unavailable } from './support/links.ts'

t.test('commands are answered, and nothing is logged while all is well', async t => {
  const { port } = await startRedis(t)
  const log = memoryLog()
  const link = openLink(t, { port }, log)
  await link.ready()
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.equal(await link.run(redis => redis.get('a')), '1')
  t.same(log.lines, [])
})

t.test('a Redis that is not there is told at once, in one line, and found when it comes', async t => {
  const server = await startRedis(t)
  await server.kill()
  const log = memoryLog()
  const link = openLink(t, { port: server.port }, log)
  await t.rejects(link.ready(), unavailable)
  const time = await timeOf((async () => {
    for (let index = 0; index < 100; index++) await t.rejects(link.run(redis => redis.get('a')), unavailable)
  })())
  t.ok(time < 500, `${time}`)
  t.match(log.lines, [{ level: 'error', fields: { oidc: 'redis.down', reason: 'nothing listens there' }, message: `Redis at 127.0.0.1:${server.port} cannot be used: nothing listens there` }])
  const up = new Promise<void>(resolve => { link.client.once('ready', () => resolve()) })
  await server.start()
  await up
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.match(log.lines.slice(1), [{ level: 'info', fields: { oidc: 'redis.up' } }])
})
