import Fastify from 'fastify'
import t from 'tap'
import redisStore, { optionsSchema, redisCoordination } from 'fastify-oidc-redis-store'

const secret = 'the secret of this test, long enough'

/** The lines of the boot error; none when the options hold. */
async function problems (redis: object, more: object = {}): Promise<string[]> {
  const app = Fastify()
  try {
    await app.register(redisStore, { session: { secret, redis: { port: 9, connect_timeout: 100, ...redis } }, ...more } as never)
    return []
  } catch (error) {
    return (error as Error).message.split('\n').slice(1).map(line => line.replace('  - session.redis.', ''))
  } finally {
    await app.close()
  }
}

t.test('two places speak against each other', async t => {
  const sentinels = [{ host: 'sentinel.internal' }]
  const cluster = [{ host: '127.0.0.1', port: 9 }]
  t.same(await problems({ url: 'redis://127.0.0.1:9' }), ['port cannot stand beside url'])
  t.same(await problems({ port: 6379, url: 'redis://127.0.0.1:9', host: 'other', ssl: true, username: 'u', password: 'p', database: 1 }), ['host', 'username', 'password', 'database', 'ssl'].map(name => `${name} cannot stand beside url`))
  t.same(await problems({ unix_socket: '/run/redis.sock' }), ['port cannot stand beside unix_socket'])
  t.same(await problems({ unix_socket: '/run/redis.sock', port: 6379, ssl: true, sentinels, cluster, master_name: 'm' }), ['ssl cannot stand beside unix_socket', 'sentinels cannot stand beside unix_socket', 'cluster cannot stand beside unix_socket'])
  t.same(await problems({ port: 6379, sentinels, master_name: 'm', cluster }), ['cluster cannot stand beside sentinels'])
  t.same(await problems({ port: 6379, cluster, database: 1 }), ['database cannot stand beside cluster'])
})

t.test('what would do nothing without something else stops the boot', async t => {
  t.same(await problems({ port: 6379, sentinels: [{ host: 'a' }] }), ['sentinels needs master_name'])
  t.same(await problems({ master_name: 'm' }), ['master_name needs sentinels'])
  t.same(await problems({ sentinel_password: 'p', sentinel_ssl: true }), ['sentinel_password needs sentinels', 'sentinel_ssl needs sentinels'])
  t.same(await problems({ username: 'u' }), ['username needs password'])
  t.same(await problems({ password: '' }), ['password is empty'])
  t.same(await problems({ server_name: 'a', ca: 'b' }), ['server_name needs ssl', 'ca needs ssl'])
  t.same(await problems({ ssl: true, client_cert: 'a' }), ['client_cert needs client_key'])
  t.same(await problems({ ssl: true, client_key: 'a' }), ['client_key needs client_cert'])
})

t.test('a URL is host, user, password, database and nothing else', async t => {
  const wrong = async (url: string): Promise<string[]> => await problems({ port: 6379, url })
  t.match(await wrong('http://localhost'), [/^url has the wrong form/])
  t.match(await wrong('redis://user:p#word@host'), [/^url (may not have a query|must be a URL)/])
  t.same(await wrong('redis://user@127.0.0.1'), ['url names a user without a password'])
  t.same(await wrong('redis://127.0.0.1/zero'), ['url may have a database number behind the host, and no other path'])
  t.same(await wrong('redis://127.0.0.1?db=3'), ['url may not have a query or fragment: use the options of these names'])
  t.same(await wrong('redis://user:100%@127.0.0.1'), ['url has a user or password that is not percent-encoded'])
  t.same(await wrong('redis:///3'), ['url must name a host'])
  t.same(await problems({ port: 6379, url: 'redis://127.0.0.1:9', ca: 'a' }), ['ca needs ssl'])
})

t.test('beside a client of the application only prefix and read_timeout are ours', async t => {
  const client = { defineCommand () {}, duplicate () {}, status: 'end', options: {}, on () {}, off () {}, once () {} }
  t.same(await problems({ host: 'other', connect_timeout: 1000, send_timeout: 5 }, { client }), ['host', 'port', 'send_timeout'].map(name => `${name} does nothing beside client, which is connected already`))
  t.same(await problems({ port: 6379, connect_timeout: 1000 }, { client: {} }), ['  - client must be a client of ioredis'])
  t.same(await problems({ port: 6379, connect_timeout: 1000 }, { client: null }), ['  - client must be a client of ioredis'])
})

t.test('a client cache needs sessions that are read', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  await t.rejects(async () => { await app.register(redisCoordination, { session: { secret, redis: { port: 9, connect_timeout: 100, client_cache: true } } }) }, /client_cache does nothing where no sessions are read/)
})

t.test('names that nobody knows stop the boot, also within lists', async t => {
  t.same(await problems({ keep_alive_timeout: 1, sentinels: [{ host: 'a', prot: 1 }] }), ['keep_alive_timeout is not a known option; did you mean keepalive_timeout?', 'sentinels[0].prot is not a known option; did you mean port?'])
  t.same(await problems({ cluster: [] }), ['cluster needs at least 1 of them'])
})

t.test('no problem repeats a secret', async t => {
  const text = (await problems({ url: 'redis://app:hunter2@host:port', password: 'hunter2', username: 'hunter2', sentinel_password: 'hunter2' })).join('\n')
  t.not(text, '')
  t.notMatch(text, /hunter2/)
})

t.test('every option is described', async t => {
  for (const [name, { description }] of Object.entries(optionsSchema.properties.session.properties.redis.properties)) t.ok(typeof description === 'string' && description.length > 5, name)
})
