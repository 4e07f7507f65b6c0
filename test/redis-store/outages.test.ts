import t from 'tap'
import type { RedisLink } from 'fastify-oidc-redis-store'
import { startRedis } from '../support/redis-server.ts'
import { memoryLog, openLink, timeOf, unavailable } from './support/links.ts'
import { startStallingProxy } from './support/stalling-proxy.ts'

const redis = await startRedis(t)

async function reconnected (link: RedisLink): Promise<void> {
  await new Promise<void>(resolve => { link.onReconnected(resolve) })
}

/** What the log would show of an error: everything that hangs on it. */
function allOf (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return [error.message, error.stack, JSON.stringify(error, Object.getOwnPropertyNames(error)), allOf(error.cause)].join('\n')
}

t.test('a Redis that dies and comes back: told once, at once for who asks meanwhile, found by itself', async t => {
  const server = await startRedis(t)
  const log = memoryLog()
  const link = openLink(t, { port: server.port }, log)
  await link.ready()
  const lost = new Promise<void>(resolve => { link.client.once('close', () => resolve()) })
  await server.kill()
  await lost
  t.ok(await timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable)) < 50)
  const back = reconnected(link)
  await server.start()
  await back
  t.equal(await link.run(redis => redis.get('a')), null)
  t.same(log.lines.map(({ level, fields: { oidc } }) => [level, oidc]), [['error', 'redis.down'], ['info', 'redis.up']])
})

t.test('a Redis that hangs: who has asked learns it within read_timeout, the next at once', async t => {
  const server = await startRedis(t)
  const link = openLink(t, { port: server.port, read_timeout: 200, connect_timeout: 200 })
  await link.ready()
  server.pause()
  const times = await Promise.all(Array.from({ length: 50 }, () => timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable))))
  t.ok(Math.max(...times) < 600, `${Math.max(...times)}`)
  t.ok(await timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable)) < 150)
  const back = reconnected(link)
  server.resume()
  await back
  t.equal(await link.run(redis => redis.get('a')), null)
})

t.test('a command whose connection breaks before the answer has run once at most', async t => {
  const proxy = await startStallingProxy(t, redis)
  const link = openLink(t, { port: proxy.port })
  await redis.command('DEL', 'count')
  for (let turn = 1; turn <= 5; turn++) {
    await link.ready()
    const back = reconnected(link)
    proxy.cutInsteadOfAnswer()
    await t.rejects(link.run(redis => redis.incr('count')), unavailable)
    proxy.flow()
    await back
    t.equal(await link.run(redis => redis.get('count')), String(turn), 'it ran, its answer was lost, and it is not sent again')
  }
})

t.test('a connection that Redis kills in mid-command is opened again', async t => {
  const link = openLink(t, { port: redis.port })
  await link.ready()
  const id = await link.run(redis => redis.client('ID'))
  await redis.command('CLIENT', 'PAUSE', 300, 'ALL')
  const asked = link.run(redis => redis.set('killed', '1'))
  const back = reconnected(link)
  const [rejection] = await Promise.all([t.rejects(asked, unavailable), redis.command('CLIENT', 'UNPAUSE').catch(() => {}), redis.command('CLIENT', 'KILL', 'ID', id)])
  t.ok(rejection)
  await back
  t.not(await link.run(redis => redis.client('ID')), id)
})

t.test('a Redis out of memory refuses writes and is told of once; reads go on', async t => {
  const server = await startRedis(t, { configuration: ['maxmemory-policy noeviction'] })
  const log = memoryLog()
  const link = openLink(t, { port: server.port }, log)
  await link.run(redis => redis.set('a', '1'))
  await server.command('CONFIG', 'SET', 'maxmemory', 1)
  for (let turn = 0; turn < 3; turn++) await t.rejects(link.run(redis => redis.set('b', '1')), unavailable)
  await t.rejects(link.run(redis => redis.eval("return redis.call('SET', KEYS[1], '1')", 1, 'b')), unavailable)
  t.equal(await link.run(redis => redis.get('a')), '1')
  t.match(log.lines, [{ level: 'error', fields: { oidc: 'redis.refused', reason: 'it is out of memory' }, message: /maxmemory/ }])
  t.equal(log.lines.length, 1)
  await server.command('CONFIG', 'SET', 'maxmemory', 0)
  t.equal(await link.run(redis => redis.set('b', '1')), 'OK')
})

t.test('a replica refuses writes; reads go on, and its connection is not cut with every write', async t => {
  const server = await startRedis(t)
  const replica = await startRedis(t, { configuration: [`replicaof 127.0.0.1 ${server.port}`] })
  const proxy = await startStallingProxy(t, replica)
  const log = memoryLog()
  const link = openLink(t, { port: proxy.port }, log)
  await link.ready()
  for (let turn = 0; turn < 20; turn++) await t.rejects(link.run(redis => redis.set('a', '1')), unavailable)
  await t.rejects(link.run(redis => redis.eval("return redis.call('SET', KEYS[1], '1')", 1, 'b')), unavailable)
  t.ok(proxy.opened <= 2, `${proxy.opened}`)
  t.equal(await link.run(redis => redis.get('a')), null)
  t.match(log.lines.at(-1), { level: 'error', fields: { reason: 'it is a replica that takes no writes' } })
})

t.test('scripts that Redis has forgotten are taught again', async t => {
  const link = openLink(t, { port: redis.port })
  link.client.defineCommand('add', { numberOfKeys: 1, lua: "return redis.call('INCRBY', KEYS[1], ARGV[1])" })
  const add = async (): Promise<unknown> => await link.run(redis => (redis as unknown as { add (key: string, by: number): Promise<number> }).add('sum', 2))
  await redis.command('DEL', 'sum')
  t.equal(await add(), 2)
  t.equal(await add(), 4)
  await redis.command('SCRIPT', 'FLUSH')
  t.equal(await add(), 6)
})

t.test('a password that is missing or wrong is told with the option to look at, and never itself', async t => {
  const server = await startRedis(t, { password: 'the right one' })
  for (const [password, reason] of [[undefined, 'it asks for a password'], ['hunter2-hunter2', 'it refuses the user name or password']] as const) {
    const log = memoryLog()
    const link = openLink(t, { port: server.port, ...password === undefined ? {} : { password } }, log)
    const error = await link.ready().catch((error: unknown) => error)
    t.match(error, unavailable)
    t.notMatch(allOf(error), /hunter2/)
    t.match(log.lines, [{ level: 'error', fields: { oidc: 'redis.down', reason }, message: /session\.redis\.password/ }])
    t.notMatch(JSON.stringify(log.lines), /hunter2/)
    await link.close()
  }
})

t.test('a right that the user lacks is told with the option to look at; nothing of what was sent is', async t => {
  const server = await startRedis(t, { users: ['app on >open-sesame ~sessions:* +@all -eval'] })
  const log = memoryLog()
  const link = openLink(t, { port: server.port, username: 'app', password: 'open-sesame' }, log)
  for (const command of [() => link.run(redis => redis.set('other:hunter2', 'hunter2')), () => link.run(redis => redis.eval('return 1 -- hunter2', 0)), () => link.run(redis => redis.call('NOSUCHCOMMAND', 'hunter2'))]) {
    const error = await command().catch((error: unknown) => error)
    t.match(error, unavailable)
    t.notMatch(allOf(error), /hunter2|sesame/)
  }
  t.notMatch(JSON.stringify(log.lines), /hunter2|sesame/)
  t.match(log.lines, [{ fields: { oidc: 'redis.refused' }, message: /session\.redis\.username/ }, { fields: { oidc: 'redis.refused' } }])
})

t.test('a database that is not there is told', async t => {
  const log = memoryLog()
  const link = openLink(t, { port: redis.port, database: 5000 }, log)
  await t.rejects(link.ready(), unavailable)
  t.match(log.lines[0], { level: 'error', message: /session\.redis\.database/ })
})

t.test('TLS where there is none, and none where there is TLS', async t => {
  const secure = await startRedis(t, { tls: 'server' })
  for (const [port, ssl] of [[redis.port, true], [secure.port, false]] as const) {
    const log = memoryLog()
    const link = openLink(t, { port, ssl, connect_timeout: 500, read_timeout: 500 }, log)
    await t.rejects(link.ready(), unavailable)
    t.match(log.lines[0], { level: 'error', message: /session\.redis\.ssl/ })
    await link.close()
  }
})

t.test('a fault of the program is no outage', async t => {
  const log = memoryLog()
  const link = openLink(t, { port: redis.port }, log)
  await t.rejects(link.run(async () => { throw new TypeError('a fault') }), { name: 'TypeError' })
  t.same(log.lines, [])
})

t.test('a closed link answers nobody', async t => {
  const link = openLink(t, { port: redis.port })
  await link.ready()
  await link.close()
  await t.rejects(link.run(redis => redis.get('a')), unavailable)
  await t.rejects(link.ready(), unavailable)
})
