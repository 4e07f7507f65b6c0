import t from 'tap'
import { until } from '../support/redis-process.ts'
import { startSentinel } from '../support/redis-sentinel.ts'
import { memoryLog, openLink, unavailable } from './support/links.ts'

const set = await startSentinel(t, { password: 'open-sesame', sentinelPassword: 'hunter2-hunter2' })
const options = { sentinels: [...set.sentinels], master_name: set.masterName, password: 'open-sesame', sentinel_password: 'hunter2-hunter2' }

t.test('the sentinels lead to the master', async t => {
  const link = openLink(t, options)
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.equal(await set.servers[0]?.command('GET', 'a'), '1')
})

t.test('a sentinel that is gone is passed over', async t => {
  await openLink(t, { ...options, sentinels: [{ host: '127.0.0.1', port: 9 }, ...set.sentinels.slice(1)] }).ready()
})

t.test('sentinels that refuse us, or do not know the master, are told with the options', async t => {
  const { sentinel_password: password, ...without } = options
  for (const wrong of [without, { ...options, sentinel_password: `not ${password}` }, { ...options, master_name: 'nobody' }]) {
    const log = memoryLog()
    const link = openLink(t, { ...wrong, sentinels: [...wrong.sentinels] }, log)
    await t.rejects(link.ready(), unavailable)
    t.match(log.lines, [{ level: 'error', message: /session\.redis\.sentinels/ }])
    t.notMatch(JSON.stringify(log.lines), password)
    await link.close()
  }
})

t.test('a master that is killed is replaced by the next, which takes writes and is heard', async t => {
  const link = openLink(t, options)
  await link.ready()
  const events: string[] = []
  const waiting: Array<() => void> = []
  const heard = async (): Promise<void> => await new Promise<void>(resolve => { waiting.push(resolve) })
  const first = heard()
  link.subscribe('a', { message: payload => { events.push(payload.toString()) }, heard: () => { events.push('(heard)'); for (const resolve of waiting.splice(0)) resolve() }, lost: () => { events.push('(lost)') } })
  await first
  const former = await set.master()
  const back = new Promise<void>(resolve => { link.onReconnected(resolve) })
  const again = heard()
  await former.kill()
  await set.replaced(former)
  await Promise.all([back, again])
  t.equal(await link.run(redis => redis.set('after', '1')), 'OK')
  t.same(events, ['(heard)', '(lost)', '(heard)'])
  t.equal(await (await set.master()).command('GET', 'after'), '1')
  await former.start()
})

t.test('a master that was made a replica says READONLY: writes go to the new master', async t => {
  const log = memoryLog()
  const link = openLink(t, options, log)
  await link.ready()
  const former = await set.master()
  await until('the one before is over', async () => await set.watchers[0]?.command('SENTINEL', 'FAILOVER', set.masterName) === 'OK')
  const now = await set.replaced(former)
  // The sentinels do the same within ten seconds, and cut all connections besides.
  await former.command('REPLICAOF', now.host, now.port)
  // What is on its way when the sentinels are heard, or cut the connection, may have run there: it is refused, and not sent again by itself.
  await Promise.all(Array.from({ length: 50 }, async (_, index) => {
    await until('it is written', async () => await link.run(redis => redis.set(`write ${index}`, '1')) === 'OK')
  }))
  t.equal(await link.run(redis => redis.get('write 0')), '1')
  t.equal(await now.command('GET', 'write 49'), '1')
  t.ok(log.lines.length <= 2, 'told once at most, and that it is over')
})
