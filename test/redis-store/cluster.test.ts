import { Cluster } from 'ioredis'
import t from 'tap'
import { createLinkThrough, type RedisLink } from 'fastify-oidc-redis-store'
import { startCluster } from '../support/redis-cluster.ts'
import { memoryLog, openLink, timeOf, unavailable } from './support/links.ts'

const cluster = await startCluster(t, { replicas: true })
const options = { cluster: [...cluster.nodes] }

async function writeAll (link: RedisLink, count = 60): Promise<string[]> {
  return await Promise.all(Array.from({ length: count }, (_, index) => link.run(redis => redis.set(`key ${index}`, '1')).then(() => 'written', () => 'refused')))
}

t.test('keys of all slots are written, wherever they live', async t => {
  const log = memoryLog()
  const link = openLink(t, options, log)
  t.same(new Set(await writeAll(link)), new Set(['written']))
  const sizes = await Promise.all(cluster.masters.map(master => master.command('DBSIZE') as Promise<number>))
  t.equal(sizes.reduce((sum, size) => sum + size, 0), 60)
  t.ok(sizes.every(size => size > 5), `${sizes}`)
  t.same(log.lines, [])
})

t.test('one node that is named is enough, and one that is gone is passed over', async t => {
  await openLink(t, { cluster: [{ host: '127.0.0.1', port: 9 }, ...cluster.nodes.slice(0, 1)] }).ready()
})

t.test('what is said at one node is heard at the others', async t => {
  const link = openLink(t, options)
  await link.ready()
  let tell = (_: string): void => {}
  const message = new Promise<string>(resolve => { tell = resolve })
  await new Promise<void>(resolve => { link.subscribe('a', { heard: resolve, lost: () => {}, message: payload => tell(payload.toString()) }) })
  await link.run(redis => redis.publish('a', 'x'))
  t.equal(await message, 'x')
})

t.test('an idle cluster connection is closed and opened again on demand', async t => {
  const link = openLink(t, { ...options, keepalive_timeout: 150 })
  await link.ready()
  await new Promise<void>(resolve => { link.client.once('end', () => resolve()) })
  t.same(new Set(await writeAll(link)), new Set(['written']))
  await new Promise<void>(resolve => { link.client.once('end', () => resolve()) })
  t.equal(await link.client.set('a', '1'), 'OK', 'also for who uses the client itself')
})

t.test('a cluster that is not there is told at once, in one line', async t => {
  const log = memoryLog()
  const link = openLink(t, { cluster: [{ host: '127.0.0.1', port: 9 }] }, log)
  await t.rejects(link.ready(), unavailable)
  t.ok(await timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable)) < 50)
  t.match(log.lines, [{ level: 'error', fields: { oidc: 'redis.down' } }])
})

t.test('through a cluster client of the application', async t => {
  const client = new Cluster([...cluster.nodes])
  t.teardown(() => client.disconnect())
  const link = createLinkThrough(client, { connect_timeout: 1000, read_timeout: 1000 })
  t.teardown(() => link.close())
  t.same(new Set(await writeAll(link)), new Set(['written']))
  await new Promise<void>(resolve => { link.subscribe('a', { heard: resolve, lost: () => {}, message: () => {} }) })
})

t.test('a master that is killed is replaced by its replica, and whoever wrote is told to write again', async t => {
  const link = openLink(t, { ...options, connect_timeout: 500, read_timeout: 500 })
  await writeAll(link)
  const [former] = cluster.masters
  if (former === undefined) throw new Error('there is no master')
  let told = 0
  link.onReconnected(() => { told++ })
  await former.kill()
  const slowest: number[] = []
  const load = (async () => {
    for (let turn = 0; turn < 10; turn++) slowest.push(await timeOf(writeAll(link)))
  })()
  await cluster.replaced(former)
  await load
  while ((await writeAll(link)).includes('refused')) await new Promise(resolve => setTimeout(resolve, 10))
  t.same(new Set(await writeAll(link)), new Set(['written']))
  t.ok(Math.max(...slowest) < 1500, `${Math.max(...slowest)}`)
  t.ok(told > 0)
})
