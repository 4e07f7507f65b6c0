import { randomUUID } from 'node:crypto'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import redisStore from 'fastify-oidc-redis-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { redisAuthority, startRedis, type RedisServer } from '../support/redis-server.ts'

const END = Number.MAX_SAFE_INTEGER

/** Whether a session can be kept with these options. */
async function keeps (t: Test, redis: object): Promise<boolean> {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(redisStore, { session: { secret: 'the secret of this test, long enough', redis: { connect_timeout: 500, read_timeout: 500, ...redis } } })
  await app.ready()
  return await app.oidcSessionStore.create(sampleSession(), END).then(() => true, (error: { code?: unknown }) => {
    t.equal(error.code, 'FST_OIDC_STORE_UNAVAILABLE')
    return false
  })
}

const keysOf = async (server: RedisServer, pattern: string): Promise<unknown[]> => await server.command('KEYS', pattern) as unknown[]

// rows: session.redis, session.redis.host, session.redis.port, session.redis.database, session.redis.prefix
t.test('sessions go to the server, the database and the keys that are named', async t => {
  const [here, elsewhere] = [await startRedis(t), await startRedis(t)]
  const prefix = randomUUID()
  t.ok(await keeps(t, { host: '127.0.0.1', port: here.port, prefix }))
  t.ok((await keysOf(here, `${prefix}:*`)).length > 0)
  t.same(await keysOf(here, '*').then(keys => keys.filter(key => !String(key).startsWith(`${prefix}:`))), [], 'every key begins with it')
  t.same(await keysOf(elsewhere, '*'), [])
  t.ok(await keeps(t, { port: elsewhere.port, database: 3 }))
  t.same(await keysOf(elsewhere, '*'), [], 'the admin looks at database 0')
  t.match(await keyspaceOf(elsewhere), /^db3:keys=/m)
  t.equal(await keeps(t, { host: '127.0.0.2', port: here.port }), false, 'nobody there')
})

async function keyspaceOf (server: RedisServer): Promise<string> {
  return String(await server.command('INFO', 'keyspace'))
}

// rows: session.redis.username, session.redis.password
t.test('a user name and a password are those of Redis, and without the right ones nothing is kept', async t => {
  const { port } = await startRedis(t, { password: 'the admin', users: ['app on >open-sesame ~sessions:* &* +@all'] })
  t.ok(await keeps(t, { port, password: 'the admin' }))
  t.ok(await keeps(t, { port, username: 'app', password: 'open-sesame' }))
  t.equal(await keeps(t, { port, username: 'app', password: 'the admin' }), false)
  t.equal(await keeps(t, { port }), false)
})

// rows: session.redis.ssl, session.redis.ssl_verify, session.redis.server_name
t.test('with ssl a certificate is verified, under server_name, unless ssl_verify is off', async t => {
  const { port } = await startRedis(t, { tls: 'server' })
  t.ok(await keeps(t, { port, ssl: true, ca: redisAuthority, server_name: 'upstream.test' }))
  t.equal(await keeps(t, { port, ssl: true, ca: redisAuthority, server_name: 'other.test' }), false, 'it is for another name')
  t.equal(await keeps(t, { port, ssl: true }), false, 'nobody vouches for it')
  t.ok(await keeps(t, { port, ssl: true, ssl_verify: false }))
  t.equal(await keeps(t, { port }), false, 'it does not speak in the clear')
})
