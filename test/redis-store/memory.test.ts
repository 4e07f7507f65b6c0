import { Redis } from 'ioredis'
import t from 'tap'
import { createRedisStore } from 'fastify-oidc-redis-store'
import { systemClock } from 'fastify-oidc-session-store'
import { corporateSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { createPlainLink } from './support/plain-link.ts'

const SESSIONS = 200

t.test('a session with signed tokens of 1.1 and 0.9 KB takes less than 2,000 bytes in Redis, all that finds it included', async t => {
  const redis = await startRedis(t)
  const client = new Redis(redis.socket)
  t.teardown(() => { client.disconnect() })
  const store = createRedisStore({ link: createPlainLink(t, client), secret: 'the secret of this test, long enough' })
  t.teardown(() => store.close())
  await Promise.all(Array.from({ length: SESSIONS }, () => store.create(corporateSession(), systemClock() + 3600)))
  const keys = await client.keys('*')
  const taken = await Promise.all(keys.map(async key => await client.memory('USAGE', key) ?? 0))
  const total = taken.reduce((sum, bytes) => sum + bytes, 0)
  t.ok(keys.length > SESSIONS)
  t.ok(total / SESSIONS < 2000, `${total / SESSIONS} bytes`)
})
