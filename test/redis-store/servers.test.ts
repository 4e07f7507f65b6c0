import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startCluster } from '../support/redis-cluster.ts'
import { redisAuthority, startRedis } from '../support/redis-server.ts'
import { startSentinel } from '../support/redis-sentinel.ts'

function client (t: Test, redis: Redis): Redis {
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  return redis
}

t.test('a server answers on its port and on its socket', async t => {
  const server = await startRedis(t)
  t.equal(await server.command('PING'), 'PONG')
  t.equal(await client(t, new Redis({ path: server.socket })).ping(), 'PONG')
})

t.test('a server with TLS and users of its own lets those in who have both', async t => {
  const server = await startRedis(t, { tls: 'server', password: 'the admin', users: ['app on >open-sesame ~sessions:* &* +@all'] })
  const app = client(t, new Redis({ host: server.host, port: server.port, username: 'app', password: 'open-sesame', tls: { ca: redisAuthority } }))
  t.equal(await app.set('sessions:a', '1'), 'OK')
  await t.rejects(app.set('other', '1'), { message: /NOPERM/ })
  t.equal(await server.command('GET', 'sessions:a'), '1')
})

t.test('a server that was killed starts again on its port', async t => {
  const server = await startRedis(t)
  await server.kill()
  await t.rejects(server.command('PING'))
  await server.start()
  t.equal(await server.command('PING'), 'PONG')
})

t.test('a paused server answers when it goes on', async t => {
  const server = await startRedis(t)
  await server.command('PING')
  server.pause()
  const answer = server.command('PING')
  t.equal(await Promise.race([answer, new Promise(resolve => setTimeout(resolve, 50, 'nothing'))]), 'nothing')
  server.resume()
  t.equal(await answer, 'PONG')
})

t.test('sentinels name another master when the first one is killed', async t => {
  const set = await startSentinel(t)
  const redis = client(t, new Redis({ sentinels: [...set.sentinels], name: set.masterName }))
  t.equal(await redis.set('a', '1'), 'OK')
  const former = await set.master()
  t.equal(former, set.servers[0])
  await redis.wait(2, 1000)
  await former.kill()
  const now = await set.replaced(former)
  t.equal(await now.command('GET', 'a'), '1')
})

t.test('a cluster serves all slots, and a replica takes over from a master that was killed', async t => {
  const cluster = await startCluster(t, { replicas: true })
  const redis = new Cluster([...cluster.nodes])
  redis.on('error', () => {})
  t.teardown(() => redis.disconnect())
  for (let index = 0; index < 20; index++) t.equal(await redis.set(`key ${index}`, '1'), 'OK')
  const [former] = cluster.masters
  t.ok(former)
  if (former === undefined) return
  await former.kill()
  t.equal(await cluster.replaced(former), cluster.replicas[0])
})
