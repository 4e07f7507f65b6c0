import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { startRedis } from '../support/redis-server.ts'
import { memoryLog, openLink, timeOf, unavailable } from './support/links.ts'
import { startStallingProxy } from './support/stalling-proxy.ts'

const redis = await startRedis(t)

/** A Redis that the kernel lets nobody reach any more: its queue of connections is full, and it takes none from it. */
async function startUnreachable (t: Test): Promise<number> {
  const server = await startRedis(t, { configuration: ['tcp-backlog 1'] })
  server.pause()
  const sockets: Socket[] = []
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  for (;;) {
    const socket = connect(server.port, server.host).on('error', () => {})
    sockets.push(socket)
    const connected = await Promise.race([once(socket, 'connect').then(() => true), new Promise<boolean>(resolve => setTimeout(resolve, 100, false))])
    if (!connected) return server.port
  }
}

// rows: session.redis.connect_timeout
t.test('connect_timeout: a Redis that takes no connection is given up', async t => {
  const port = await startUnreachable(t)
  const log = memoryLog()
  const link = openLink(t, { port, connect_timeout: 200, read_timeout: 5000 }, log)
  const time = await timeOf(t.rejects(link.ready(), unavailable))
  t.ok(time >= 190 && time < 1000, `${time}`)
  t.match(log.lines, [{ level: 'error', fields: { reason: 'it did not take the connection in time' } }])
  t.ok(await timeOf(t.rejects(link.ready(), unavailable)) < 50, 'and the next caller learns it at once')
})

t.test('connect_timeout: a Redis that does not finish the TLS handshake is given up', async t => {
  const server = createServer(socket => { socket.on('error', () => {}) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const link = openLink(t, { port: (server.address() as AddressInfo).port, ssl: true, connect_timeout: 200, read_timeout: 5000 })
  const time = await timeOf(t.rejects(link.ready(), unavailable))
  t.ok(time >= 190 && time < 1000, `${time}`)
})

t.test('read_timeout: a Redis that takes the connection and says nothing is given up', async t => {
  const proxy = await startStallingProxy(t, redis)
  proxy.stallAnswers()
  const log = memoryLog()
  const link = openLink(t, { port: proxy.port, connect_timeout: 5000, read_timeout: 200 }, log)
  const time = await timeOf(t.rejects(link.ready(), unavailable))
  t.ok(time >= 190 && time < 1000, `${time}`)
  t.match(log.lines, [{ level: 'error', fields: { reason: 'it did not answer in time' } }])
})

// rows: session.redis.read_timeout
t.test('read_timeout: a command that gets no answer is given up, and with it the connection', async t => {
  const proxy = await startStallingProxy(t, redis)
  const log = memoryLog()
  const link = openLink(t, { port: proxy.port, read_timeout: 200 }, log)
  await link.ready()
  proxy.stallAnswers()
  const ended = proxy.nextEnd()
  const times = await Promise.all([timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable)), timeOf(t.rejects(link.run(redis => redis.get('b')), unavailable))])
  for (const time of times) t.ok(time >= 190 && time < 1000, `${time}`)
  await ended
  t.ok(await timeOf(t.rejects(link.run(redis => redis.get('a')), unavailable)) < 50, 'the next caller learns it at once')
  proxy.flow()
  const again = new Promise<void>(resolve => { link.onReconnected(resolve) })
  await again
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.match(log.lines.map(({ level, fields: { oidc, reason } }) => [level, oidc, reason]).at(-1), ['info', 'redis.up'])
})

t.test('read_timeout: an answer that takes long is waited for', async t => {
  const link = openLink(t, { port: redis.port, read_timeout: 1000 })
  await link.ready()
  await redis.command('CLIENT', 'PAUSE', 200)
  t.equal(await link.run(redis => redis.get('nothing')), null)
})

t.test('read_timeout: answers that came while the process was busy are answers', async t => {
  const log = memoryLog()
  const link = openLink(t, { port: redis.port, read_timeout: 100 }, log)
  await link.ready()
  const answers = Array.from({ length: 50 }, async () => await link.run(redis => redis.get('nothing')))
  // What was sent leaves, and what comes back is not read.
  await new Promise(resolve => { setImmediate(resolve) })
  const endMs = performance.now() + 500
  while (performance.now() < endMs);
  t.strictSame(new Set(await Promise.all(answers)), new Set([null]))
  t.equal(await link.run(redis => redis.get('nothing')), null)
  t.strictSame(log.lines.filter(({ level }) => level === 'error'), [])
})

// rows: session.redis.send_timeout
t.test('send_timeout: bytes that do not drain end the connection', async t => {
  const proxy = await startStallingProxy(t, redis)
  const log = memoryLog()
  const link = openLink(t, { port: proxy.port, send_timeout: 200, read_timeout: 5000 }, log)
  await link.ready()
  proxy.stallReading()
  const time = await timeOf(t.rejects(link.run(redis => redis.set('large', Buffer.alloc(32 * 2 ** 20))), unavailable))
  t.ok(time >= 190 && time < 2000, `${time}`)
  t.match(log.lines, [{ level: 'error', fields: { oidc: 'redis.down', reason: 'it does not take what is sent' } }])
})

t.test('send_timeout: many bytes that drain are no fault', async t => {
  const link = openLink(t, { port: redis.port, send_timeout: 100, read_timeout: 5000 })
  t.equal(await link.run(redis => redis.set('large', Buffer.alloc(64 * 2 ** 20))), 'OK')
  await link.run(redis => redis.del('large'))
})

// rows: session.redis.keepalive_timeout
t.test('keepalive_timeout: a connection that nobody uses is closed, and opened again on demand', async t => {
  const proxy = await startStallingProxy(t, redis)
  const log = memoryLog()
  const link = openLink(t, { port: proxy.port, keepalive_timeout: 150 }, log)
  await link.ready()
  const ended = proxy.nextEnd()
  const time = await timeOf(ended)
  t.ok(time >= 100 && time < 1000, `${time}`)
  t.equal(await link.run(redis => redis.set('a', '1')), 'OK')
  t.equal(proxy.opened, 2)
  t.equal(await link.client.get('a'), '1')
  await once(link.client, 'end')
  t.equal(await link.client.get('a'), '1', 'who uses the client itself gets a connection too')
  t.equal(proxy.opened, 3)
  t.same(log.lines, [], 'nobody is told: nothing is wrong')
})

t.test('keepalive_timeout: a connection in use is kept', async t => {
  const proxy = await startStallingProxy(t, redis)
  const link = openLink(t, { port: proxy.port, keepalive_timeout: 150 })
  const end = Date.now() + 500
  while (Date.now() < end) {
    await link.run(redis => redis.get('a'))
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  t.equal(proxy.opened, 1)
})

t.test('keepalive_timeout: a caller in the moment of closing gets the next connection', async t => {
  const proxy = await startStallingProxy(t, redis)
  const link = openLink(t, { port: proxy.port, keepalive_timeout: 100 })
  const failures: unknown[] = []
  for (let turn = 0; turn < 6; turn++) {
    await link.ready()
    await proxy.nextEnd().then(() => Promise.all(Array.from({ length: 20 }, () => link.run(redis => redis.get('a')).catch((error: unknown) => failures.push(error)))))
  }
  t.same(failures, [])
  t.equal(proxy.opened, 7)
})
