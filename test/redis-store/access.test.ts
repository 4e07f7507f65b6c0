import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'
import t from 'tap'
import redisStore from 'fastify-oidc-redis-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'
import { until } from '../support/redis-process.ts'
import { startRedis } from '../support/redis-server.ts'

t.test('the access list of the README is enough for store and coordinator', async t => {
  const readme = await readFile(new URL('../../packages/redis-store/README.md', import.meta.url), 'utf8')
  const user = /^user (gateway .*)$/m.exec(readme)?.[1]?.replace('PASSWORD', 'open-sesame')
  t.type(user, 'string')
  const lines: string[] = []
  const server = await startRedis(t, { users: [user ?? ''] })
  const app = Fastify({ logger: { level: 'info', stream: { write: line => { lines.push(line) } } } })
  t.teardown(() => app.close())
  await app.register(redisStore, { session: { secret: 'the secret of this test, long enough', redis: { port: server.port, username: 'gateway', password: 'open-sesame', client_cache: true } } })
  const { oidcSessionStore: store, oidcSessionCoordinator: coordinator } = app
  await store.ready()
  const session = sampleSession()
  const end = session.createdAt + 3600
  const created = await store.create(session, end)
  await until('changes are told', async () => {
    await store.get(created.handle)
    return (store.cache?.hits ?? 0) > 0
  })
  const updated = await store.update(created, session, end)
  t.not(updated, null)
  if (updated !== null) await store.touch(updated, end)
  for await (const { subject } of store.inspect('all')) t.equal(subject, session.subject)
  const key = randomUUID()
  const lock = await coordinator.lock(key, 1000)
  t.equal(await coordinator.lock(key, 1000), null)
  const released = coordinator.waitForRelease(key, 1000)
  await lock?.release()
  await released
  await coordinator.publishResult(key, 'sealed', 1000)
  t.equal(await coordinator.takeResult(key), 'sealed')
  t.equal(await store.revoke({ issuer: session.issuer, subject: session.subject }, session.createdAt + 1), 1)
  const again = await store.create(sampleSession(), end)
  await store.destroy(again)
  t.same(lines, [])
  t.same(await server.command('ACL', 'LOG'), [])
})
