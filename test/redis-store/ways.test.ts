import { Redis } from 'ioredis'
import t from 'tap'
import { createLinkThrough } from 'fastify-oidc-redis-store'
import { clientCertificate } from '../proxy/certificates.ts'
import { redisAuthority, startRedis } from '../support/redis-server.ts'
import { memoryLog, openLink, unavailable } from './support/links.ts'

const redis = await startRedis(t)
const secure = await startRedis(t, { tls: 'server', password: 'admin', users: ['app on >open-sesame ~sessions:* &sessions:* +@all -@dangerous +info'] })

t.test('over a unix socket', async t => {
  const link = openLink(t, { unix_socket: redis.socket })
  t.equal(await link.run(redis => redis.ping()), 'PONG')
  const missing = memoryLog()
  await t.rejects(openLink(t, { unix_socket: `${redis.socket}.not` }, missing).ready(), unavailable)
  t.match(missing.lines[0], { message: /session\.redis\.unix_socket/ })
})

t.test('into another database', async t => {
  const link = openLink(t, { port: redis.port, database: 3 })
  await link.run(redis => redis.set('in three', '1'))
  await redis.command('SELECT', 3)
  t.equal(await redis.command('GET', 'in three'), '1')
})

t.test('with a URL: user, password, database, TLS', async t => {
  const plain = openLink(t, { url: `redis://127.0.0.1:${redis.port}/3` })
  t.equal(await plain.run(redis => redis.get('in three')), '1')
  const link = openLink(t, { url: `rediss://app:open%2Dsesame@127.0.0.1:${secure.port}`, ca: redisAuthority })
  t.equal(await link.run(redis => redis.set('sessions:a', '1')), 'OK')
  t.equal(await link.run(redis => redis.acl('WHOAMI')), 'app')
})

t.test('with TLS and a user of an access list', async t => {
  const link = openLink(t, { port: secure.port, ssl: true, ca: redisAuthority, username: 'app', password: 'open-sesame' })
  t.equal(await link.run(redis => redis.acl('WHOAMI')), 'app')
  const heard = new Promise<void>(resolve => { link.subscribe('sessions:ends', { heard: resolve, lost: () => {}, message: () => {} }) })
  await heard
})

t.test('a certificate that nobody vouches for is refused, unless that is switched off', async t => {
  const log = memoryLog()
  await t.rejects(openLink(t, { port: secure.port, ssl: true, password: 'admin' }, log).ready(), unavailable)
  t.match(log.lines, [{ message: /nobody who is trusted vouches for its certificate: look at session\.redis\.ca/ }])
  await openLink(t, { port: secure.port, ssl: true, ssl_verify: false, password: 'admin' }).ready()
})

t.test('server_name is the name that the certificate has to be for, and that is asked for', async t => {
  const common = { port: secure.port, ssl: true, ca: redisAuthority, password: 'admin' }
  await openLink(t, { ...common, server_name: 'upstream.test' }).ready()
  const log = memoryLog()
  await t.rejects(openLink(t, { ...common, server_name: 'other.test' }, log).ready(), unavailable)
  t.match(log.lines, [{ message: /its certificate is for another name: look at .*session\.redis\.server_name/ }])
})

t.test('a client certificate is shown where Redis wants one; PEMs may have escaped line ends', async t => {
  const mutual = await startRedis(t, { tls: 'mutual' })
  const common = { port: mutual.port, ssl: true, ca: redisAuthority.replaceAll('\n', '\\n') }
  await openLink(t, { ...common, client_cert: clientCertificate.cert, client_key: clientCertificate.key.replaceAll('\n', '\\n') }).ready()
  await t.rejects(openLink(t, common).ready(), unavailable)
})

t.test('through a client of the application, connected or not yet', async t => {
  for (const lazyConnect of [false, true]) {
    const client = new Redis({ port: redis.port, lazyConnect })
    t.teardown(() => client.disconnect())
    const link = createLinkThrough(client, { connect_timeout: 1000, read_timeout: 1000 })
    t.equal(await link.run(redis => redis.ping()), 'PONG')
    await link.close()
    t.equal(await client.ping(), 'PONG')
  }
})

t.test('a client of the application that hangs or has ended holds nobody up', async t => {
  const server = await startRedis(t)
  const client = new Redis({ port: server.port })
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const link = createLinkThrough(client, { connect_timeout: 200, read_timeout: 200 })
  await link.ready()
  server.pause()
  const start = performance.now()
  await t.rejects(link.run(redis => redis.get('a')), unavailable)
  t.ok(performance.now() - start < 1000)
  server.resume()
  await client.ping()
  client.disconnect()
  await new Promise<void>(resolve => { client.once('end', () => resolve()) })
  await t.rejects(link.run(redis => redis.get('a')), unavailable)
})
