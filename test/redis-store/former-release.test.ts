import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRedisStore } from 'fastify-oidc-redis-store'
import { createHandle, createSecretNames, nameOfHandle, nameOfTarget, type Session, type SessionStore } from 'fastify-oidc-session-store'
import { corporateSession, createManualClock } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { writeFormer } from './support/former-record.ts'
import { createPlainLink } from './support/plain-link.ts'

const options = { secret: 'the secret of this test, long enough', fallbacks: [], binding: 'one client' }
const redis = await startRedis(t)
const client = new Redis(redis.socket)
t.teardown(() => { client.disconnect() })
t.beforeEach(async () => { await client.flushall() })

interface Scene {
  readonly handle: string
  readonly key: string
  readonly session: Session
  readonly end: number
  /** An instance that remembers nothing. */
  another(): SessionStore
}

async function openScene (t: Test): Promise<Scene> {
  const time = createManualClock()
  const [handle, session, end] = [createHandle(), { ...corporateSession(), issuedAt: time.now() }, time.now() + 3600]
  await writeFormer(client, options, handle, session, 7, end)
  const another = (): SessionStore => {
    const store = createRedisStore({ ...options, link: createPlainLink(t, client), clock: time.now })
    t.teardown(() => store.close())
    return store
  }
  return { handle, key: `sessions:${nameOfHandle(handle)}`, session, end, another }
}

t.test('a session of a former release is read, known again and listed', async t => {
  const { handle, session, end, another } = await openScene(t)
  const store = another()
  const stored = await store.get(handle)
  t.same(stored, { handle, revision: 7, expiresAt: end, session })
  t.equal(await store.get(handle), stored, 'opened once')
  for (const target of ['all', { id: session.id }, { issuer: session.issuer, subject: session.subject }] as const) {
    const listed: unknown[] = []
    for await (const { id, expiresAt } of store.inspect(target)) listed.push(id, expiresAt)
    t.same(listed, [session.id, end])
  }
})

t.test('renewed or prolonged it becomes one of this release, and nobody is logged out', async t => {
  for (const [change, revision] of [['update', 8], ['touch', 7]] as const) {
    const { handle, key, session, end, another } = await openScene(t)
    const [one, two] = [another(), another()]
    const [stored, seen] = [await one.get(handle), await two.get(handle)]
    if (stored === null || seen === null) throw new Error('no session')
    const moved = await (change === 'update' ? one.update(stored, session, end + 60) : one.touch(stored, end + 60))
    t.same(moved, { handle, revision, expiresAt: end + 60, session })
    t.equal(await client.type(key), 'string')
    t.same(await two.get(handle), moved)
    t.same(await two.touch(seen, end + 90), { handle, revision, expiresAt: end + 90, session })
    t.equal(await another().revoke({ id: session.id }, 0), 1)
    t.equal(await one.get(handle), null)
    await client.flushall()
  }
})

t.test('who knows the former revision alone is too late behind a renewal, and not behind a prolongation', async t => {
  const renewed = await openScene(t)
  const [one, two] = [renewed.another(), renewed.another()]
  const [stored, seen] = [await one.get(renewed.handle), await two.get(renewed.handle)]
  if (stored === null || seen === null) throw new Error('no session')
  await one.update(stored, renewed.session, renewed.end + 60)
  t.equal(await two.update(seen, renewed.session, renewed.end), null)

  const prolonged = await openScene(t)
  const [three, four] = [prolonged.another(), prolonged.another()]
  const [begun, idle] = [await three.get(prolonged.handle), await four.get(prolonged.handle)]
  if (begun === null || idle === null) throw new Error('no session')
  await four.touch(idle, prolonged.end + 60)
  const session = { ...prolonged.session, accessToken: 'what the provider has just given' }
  const kept = await three.update(begun, session, prolonged.end + 90)
  t.same(kept, { handle: prolonged.handle, revision: 8, expiresAt: prolonged.end + 90, session })
  t.same(await four.get(prolonged.handle), kept)
})

t.test('it ends by logout, by a refused renewal and by revocation of whatever it is', async t => {
  const ends: ReadonlyArray<(store: SessionStore, scene: Scene) => Promise<unknown>> = [
    async (store, { handle }) => { const stored = await store.get(handle); if (stored !== null) await store.destroy(stored) },
    async (store, { handle }) => { const stored = await store.get(handle); if (stored !== null) await store.destroyIfUnchanged(stored) },
    async (store, { session: { id }, end }) => await store.revoke({ id }, end),
    async (store, { session: { issuer, subject }, end }) => await store.revoke({ issuer, subject }, end),
    async (store, { session: { issuer, providerSessionId }, end }) => await store.revoke({ issuer, providerSessionId: providerSessionId ?? '' }, end)
  ]
  for (const end of ends) {
    const scene = await openScene(t)
    const store = scene.another()
    t.not(await store.get(scene.handle), null)
    await end(store, scene)
    t.equal(await client.exists(scene.key), 0)
    t.equal(await store.get(scene.handle), null)
    await client.flushall()
  }
})

t.test('a logout while it is being moved wins', async t => {
  const { handle, session, end, another } = await openScene(t)
  const [one, two] = [another(), another()]
  const [stored, seen] = [await one.get(handle), await two.get(handle)]
  if (stored === null || seen === null) throw new Error('no session')
  await two.destroy(seen)
  t.equal(await one.touch(stored, end + 60), null)
  t.equal(await one.update(stored, session, end + 60), null)
  t.equal(await one.get(handle), null)
})

interface Written {
  readonly handle: string
  readonly revision: number
  readonly expiresAt: number
  readonly session: Session
  /** What was in Redis, in base64. */
  readonly record: Readonly<Record<string, string>>
}

/** Sealed by the code of that time, and not by today's. */
function readWritten (name: string): Written {
  return JSON.parse(readFileSync(new URL(`../fixtures/redis-store/${name}.json`, import.meta.url), 'utf8')) as Written
}

async function openWritten (t: Test, { handle, session: { id }, expiresAt, record }: Written): Promise<{ readonly key: string, readonly store: SessionStore }> {
  const name = nameOfHandle(handle)
  const key = `sessions:${name}`
  await client.hset(key, Object.fromEntries(Object.entries(record).map(([field, bytes]) => [field, Buffer.from(bytes, 'base64')])))
  const names = createSecretNames({ ...options, purpose: 'redis-index' })
  await client.zadd(`sessions:index:${names.own(JSON.stringify([options.binding, nameOfTarget({ id })]))}`, expiresAt, name)
  const store = createRedisStore({ ...options, link: createPlainLink(t, client), clock: () => expiresAt - 60 })
  t.teardown(() => store.close())
  return { key, store }
}

t.test('a hash with the session as text opens as it was written then', async t => {
  const written = readWritten('text-hash')
  const { handle, revision, expiresAt, session } = written
  const { store } = await openWritten(t, written)
  const stored = await store.get(handle)
  t.same(stored, { handle, revision, expiresAt, session })
  t.same(stored?.session.cold, session.cold)
  if (stored === null) return
  t.same(await store.touch(stored, expiresAt + 60), { handle, revision, expiresAt: expiresAt + 60, session })
  t.same(await store.get(handle), { handle, revision, expiresAt: expiresAt + 60, session })
})

t.test('a hash that was packed and does not say with which dictionary is nobody, and can be listed and ended', async t => {
  const written = readWritten('packed-hash')
  const { handle, expiresAt, session: { id } } = written
  const { key, store } = await openWritten(t, written)
  t.equal(await store.get(handle), null)
  const listed: unknown[] = []
  for await (const summary of store.inspect({ id })) listed.push(summary.id, summary.expiresAt)
  t.same(listed, [id, expiresAt])
  t.equal(await store.revoke({ id }, expiresAt), 1)
  t.equal(await client.exists(key), 0)
})
