import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRedisStore, type RedisStoreOptions } from 'fastify-oidc-redis-store'
import { createProcessCoordinator, StoreUnavailableError, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { createPlainLink, type PlainLink } from './support/plain-link.ts'

const secret = 'the secret of this test, long enough'
const LIFETIME = 3600
const redis = await startRedis(t)
const client = new Redis(redis.socket)
t.teardown(() => { client.disconnect() })
t.beforeEach(async () => { await client.flushall() })

interface Instance { readonly store: SessionStore, readonly link: PlainLink }

const time = createManualClock()

function instance (t: Test, options: Partial<RedisStoreOptions> = {}): Instance {
  const link = createPlainLink(t, client)
  const store = createRedisStore({ link, secret, clock: time.now, ...options })
  t.teardown(() => store.close())
  return { store, link }
}

async function login (store: SessionStore, changes?: Parameters<typeof sampleSession>[0]): Promise<StoredSession> {
  return await store.create(sampleSession({ issuedAt: time.now(), ...changes }), time.now() + LIFETIME)
}

/** Puts `meddle` before each command of `work` in turn, on a fresh stage each time, until there is none left. */
async function atEachStep<Stage> (link: PlainLink, set: () => Promise<Stage>, work: (stage: Stage) => Promise<unknown>, meddle: (stage: Stage) => Promise<unknown>, check: (stage: Stage, result: unknown, step: number) => Promise<void>): Promise<number> {
  for (let step = 0; ; step++) {
    const stage = await set()
    let commands = 0
    let meddled = false
    link.before = async () => {
      if (commands++ !== step) return
      meddled = true
      await meddle(stage)
    }
    const result = await work(stage)
    link.before = null
    if (!meddled) return step
    await check(stage, result, step)
  }
}

t.test('a revocation wins at whatever moment of a login, an update and a touch it comes', async t => {
  const here = instance(t)
  const there = instance(t)
  const revoke = ({ session: { issuer, subject } }: { session: ReturnType<typeof sampleSession> }): Promise<unknown> => there.store.revoke({ issuer, subject }, time.now())
  const isOver = async (_stage: unknown, result: unknown, step: number): Promise<void> => {
    if (result !== null) t.equal(await there.store.get((result as StoredSession).handle), null, `over, when it came before command ${step}`)
  }
  const steps = [
    await atEachStep(here.link, async () => ({ session: sampleSession({ issuedAt: time.now() }) }), ({ session }) => here.store.create(session, time.now() + LIFETIME), revoke, isOver),
    await atEachStep(here.link, () => login(here.store), stored => here.store.update(stored, { ...stored.session, accessToken: 'renewed' }, time.now() + LIFETIME), revoke, isOver),
    await atEachStep(here.link, () => login(here.store), stored => here.store.touch(stored, time.now() + LIFETIME), revoke, isOver)
  ]
  t.ok(steps[0] !== undefined && steps[0] >= 5 && steps.every(count => count >= 1), `it came at ${steps.join(', ')} moments`)
})

t.test('a destruction wins at whatever moment of an update and a touch it comes', async t => {
  const here = instance(t)
  const there = instance(t)
  const isOver = async ({ handle }: StoredSession): Promise<void> => {
    t.equal(await here.store.get(handle), null)
    t.equal(await there.store.get(handle), null)
  }
  const destroy = (stored: StoredSession): Promise<void> => there.store.destroy(stored)
  t.ok(await atEachStep(here.link, () => login(here.store), stored => here.store.update(stored, stored.session, time.now() + LIFETIME), destroy, isOver) >= 2)
  t.ok(await atEachStep(here.link, () => login(here.store), stored => here.store.touch(stored, time.now() + LIFETIME), destroy, isOver) >= 1)
  t.ok(await atEachStep(here.link, () => login(here.store), stored => here.store.destroyIfUnchanged(stored), destroy, isOver) >= 1)
})

t.test('a renewal on another instance is seen at the next read, and a touch of the old revision moves its end', async t => {
  const here = instance(t)
  const there = instance(t)
  const stored = await login(here.store)
  const renewed = await there.store.update(stored, { ...stored.session, accessToken: 'renewed' }, time.now() + LIFETIME)
  t.equal((await here.store.get(stored.handle))?.session.accessToken, 'renewed')
  const touched = await here.store.touch(stored, time.now() + 2 * LIFETIME)
  t.same({ revision: touched?.revision, token: touched?.session.accessToken, end: touched?.expiresAt }, { revision: 2, token: 'renewed', end: time.now() + 2 * LIFETIME })
  t.equal((await there.store.get(stored.handle))?.expiresAt, time.now() + 2 * LIFETIME)
  t.equal(await here.store.destroyIfUnchanged(stored), undefined)
  t.same((await here.store.get(stored.handle))?.session, renewed?.session, 'a refused renewal of the old one ends nothing')
})

t.test('a read is one command, and the same session as long as nothing changes', async t => {
  const here = instance(t)
  const there = instance(t)
  const stored = await login(here.store)
  const first = await there.store.get(stored.handle)
  t.equal(there.link.count, 1)
  t.equal(await there.store.get(Buffer.from(stored.handle).toString()), first)
  t.equal(there.link.count, 2)
  t.ok(Object.isFrozen(first?.session) && Object.isFrozen(first?.session.idTokenClaims?.groups) && Object.isFrozen(first?.session.cold))
  t.equal(first?.session.cold, first?.session.cold, 'the cold part is opened once')
  await here.store.touch(stored, time.now() + 2 * LIFETIME)
  t.not(await there.store.get(stored.handle), first)
  t.equal(there.link.count, 4, 'one to see that it changed, one to read it')
  await here.store.destroy(stored)
  t.equal(await there.store.get(stored.handle), null)
})

t.test('O176: every key ends by itself, the session with its end', async t => {
  const { store } = instance(t, { absoluteTimeout: 7200 })
  const stored = await login(store)
  await store.revoke({ id: 'nobody' }, time.now())
  for (const key of await client.keys('*')) t.ok(await client.ttl(key) > 0, key)
  const [key = ''] = (await client.keys('*')).filter(each => /^sessions:[\w-]{43}$/.test(each))
  t.ok(Math.abs(await client.ttl(key) - LIFETIME) <= 2)
  await store.touch(stored, time.now() + 100)
  t.ok(Math.abs(await client.ttl(key) - 100) <= 2)
  const updated = await store.update(stored, stored.session, time.now() + 500)
  t.ok(Math.abs(await client.ttl(key) - 500) <= 2)
  for (const index of await client.keys('sessions:index:*')) t.ok(Math.abs(await client.ttl(index) - 7200) <= 2)
  await store.touch(updated ?? stored, time.now())
  t.equal(await client.exists(key), 0)
  const far = await store.create(sampleSession(), Number.MAX_SAFE_INTEGER)
  t.equal((await store.get(far.handle))?.expiresAt, Number.MAX_SAFE_INTEGER)
})

t.test('after the last session of somebody nothing of him is left but the mark', async t => {
  const { store } = instance(t)
  const stored = [await login(store, { subject: 'one' }), await login(store, { subject: 'one' }), await login(store, { subject: 'one' })]
  const [first, second] = stored
  if (first === undefined || second === undefined) throw new Error('no session')
  await store.destroy(first)
  await store.destroyIfUnchanged(second)
  await store.revoke({ issuer: first.session.issuer, subject: 'one' }, time.now())
  t.same((await client.keys('*')).sort(), ['sessions:{ends}', 'sessions:{ends}:until'])
})

t.test('secrets rotate: sessions open, are found and are listed under each, and those that live move to the new one', async t => {
  const coming = 'the secret that comes after it'
  const before = instance(t)
  const prepared = instance(t, { fallbacks: [coming] })
  const swapped = instance(t, { secret: coming, fallbacks: [secret] })
  const after = instance(t, { secret: coming })
  const old = await login(before.store, { subject: 'old' })
  const idle = await login(before.store, { subject: 'idle' })
  const early = await login(swapped.store, { subject: 'early' })
  t.not(await swapped.store.get(old.handle), null)
  t.not(await prepared.store.get(early.handle), null, 'an instance that is not swapped yet opens the new ones')
  t.equal(await before.store.get(early.handle), null)
  t.equal(await prepared.store.revoke({ issuer: early.session.issuer, subject: 'early' }, time.now()), 1, 'and finds them')

  const moved = await swapped.store.update(old, { ...old.session, accessToken: 'renewed' }, time.now() + LIFETIME)
  t.not(moved, null)
  t.same((await after.store.get(old.handle))?.session, moved?.session)
  t.equal(await after.store.get(idle.handle), null, 'once the old secret is gone, what was not renewed is')
  const ids: string[] = []
  for await (const { id } of swapped.store.inspect('all')) ids.push(id)
  t.same(ids.sort(), [old.session.id, idle.session.id].sort())
  t.equal(await swapped.store.revoke({ issuer: idle.session.issuer, subject: 'idle' }, time.now()), 1)
  t.equal(await after.store.revoke({ issuer: old.session.issuer, subject: 'old' }, time.now()), 1, 'a session that moved is found without the old secret')
  t.equal(await after.store.get(old.handle), null)
})

t.test('thousands of sessions are listed and ended in batches, each once', async t => {
  const { store, link } = instance(t)
  const COUNT = 700
  await Promise.all(Array.from({ length: COUNT }, (_, turn) => login(store, { id: `n${turn}`, subject: 'crowd' })))
  await login(store, { id: 'stranger' })
  await client.set(`sessions:${'x'.repeat(10)}`, 'not a session')
  const list = async (target: Parameters<SessionStore['inspect']>[0]): Promise<string[]> => {
    const ids: string[] = []
    for await (const { id } of store.inspect(target)) ids.push(id)
    return ids
  }
  const all = await list('all')
  t.equal(all.length, COUNT + 1)
  t.equal(new Set(all).size, COUNT + 1)
  t.equal((await list({ issuer: 'https://op.example', subject: 'crowd' })).length, COUNT)
  const atOnce = { now: 0, most: 0 }
  link.before = async () => { atOnce.most = Math.max(atOnce.most, ++atOnce.now); setImmediate(() => { atOnce.now-- }) }
  t.equal(await store.revoke({ issuer: 'https://op.example', subject: 'crowd' }, time.now()), COUNT)
  link.before = null
  t.ok(atOnce.most < COUNT, `${atOnce.most} commands at once`)
  t.same(await list('all'), ['stranger'])
})

t.test('a prefix with the signs of a pattern is a prefix', async t => {
  const odd = instance(t, { prefix: 'a*[b]?\\' })
  const wide = instance(t, { prefix: '*' })
  const stored = await login(odd.store)
  const ids: string[] = []
  for await (const { id } of odd.store.inspect('all')) ids.push(id)
  for await (const { id } of wide.store.inspect('all')) ids.push(`wide ${id}`)
  t.same(ids, [stored.session.id])
})

t.test('a client that puts a prefix of its own before each key lists and ends its sessions', async t => {
  const prefixed = new Redis(redis.socket, { keyPrefix: 'app[1]:' })
  t.teardown(() => { prefixed.disconnect() })
  const store = createRedisStore({ link: createPlainLink(t, prefixed), secret, clock: time.now })
  const stored = await login(store)
  t.ok((await client.keys('*')).every(key => key.startsWith('app[1]:')))
  const ids: string[] = []
  for await (const { id } of store.inspect('all')) ids.push(id)
  t.same(ids, [stored.session.id])
  t.equal(await store.revoke({ id: stored.session.id }, time.now()), 1)
})

t.test('an outage is an error on every way, and nothing that was remembered is answered', async t => {
  const { store, link } = instance(t)
  const stored = await login(store)
  link.down = true
  const target = { id: stored.session.id }
  const works: ReadonlyArray<Promise<unknown>> = [
    store.get(stored.handle), store.create(stored.session, time.now() + 1), store.update(stored, stored.session, time.now() + 1), store.touch(stored, time.now() + 1),
    store.destroy(stored), store.destroyIfUnchanged(stored), store.revoke(target, time.now()), store.ready(),
    store.inspect('all')[Symbol.asyncIterator]().next(), store.inspect(target)[Symbol.asyncIterator]().next()
  ]
  for (const work of works) await t.rejects(work, { code: 'FST_OIDC_STORE_UNAVAILABLE', statusCode: 503 })
  link.down = false
  t.same((await store.get(stored.handle))?.session, stored.session, 'and afterwards it is there as before')
})

t.test('a session that changes each time that its end is moved lives on', async t => {
  const here = instance(t)
  const there = instance(t)
  const stored = await login(here.store)
  let newest: StoredSession | null = stored
  here.link.before = async () => { if (newest !== null) newest = await there.store.update(newest, newest.session, time.now() + LIFETIME) }
  const touched = await here.store.touch(stored, time.now() + 2 * LIFETIME)
  here.link.before = null
  t.equal(touched?.session.id, stored.session.id)
  t.not(await here.store.get(stored.handle), null)
})

t.test('ends that a coordinator knows hold whether it answers at once, later or not at all', async t => {
  let answer: () => boolean | Promise<boolean> = () => false
  const coordinator = { ...createProcessCoordinator({ clock: time.now }), hasEnded: () => answer() }
  const { store } = instance(t, { coordinator: coordinator as SessionCoordinator })
  const stored = await login(store)
  for (const over of [true, false]) {
    for (const each of [() => over, async () => over]) {
      answer = each
      t.equal(await store.get(stored.handle) === null, over)
      t.equal(await store.touch(stored, time.now() + LIFETIME) === null, over)
    }
  }
  answer = async () => { throw new StoreUnavailableError() }
  await t.rejects(store.get(stored.handle), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.rejects(store.update(stored, stored.session, time.now() + LIFETIME), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
})

t.test('a Redis that has forgotten the scripts is taught them again', async t => {
  const { store } = instance(t)
  const stored = await login(store)
  await client.script('FLUSH')
  t.not(await store.touch(stored, time.now() + LIFETIME), null)
  await client.script('FLUSH')
  t.not(await store.update(stored, stored.session, time.now() + LIFETIME), null)
})

t.test('what was ended just before a failover is ended again after it', async t => {
  const { store, link } = instance(t)
  const [destroyed, revoked, refused, alive] = [await login(store), await login(store), await login(store), await login(store)]
  const keys = (await client.keys('*')).filter(key => /^sessions:[\w-]{43}$/.test(key))
  const copies = await Promise.all(keys.map(async key => await client.dumpBuffer(key)))
  await store.destroy(destroyed)
  await store.revoke({ id: revoked.session.id }, time.now())
  await store.destroyIfUnchanged(refused)
  await client.flushall()
  await Promise.all(keys.map((key, place) => client.restore(key, 0, copies[place] ?? '')))
  t.not(await store.get(destroyed.handle), null, 'the new master does not know')
  link.down = true
  link.reconnect()
  link.down = false
  link.reconnect()
  const deadlineMs = performance.now() + 30_000
  const isOver = async ({ handle }: StoredSession): Promise<boolean> => await store.get(handle) === null
  while (performance.now() < deadlineMs && !(await Promise.all([destroyed, revoked, refused].map(isOver))).every(Boolean)) await new Promise(setImmediate)
  for (const { handle } of [destroyed, revoked, refused]) t.equal(await store.get(handle), null)
  t.not(await store.get(alive.handle), null)
  t.ok(await client.exists('sessions:{ends}') === 1, 'the mark is there again')
})

t.test('a logout is answered when a replica has it, and refused while none does', async t => {
  const master = await startRedis(t, { configuration: ['repl-diskless-sync-delay 0'] })
  const replica = await startRedis(t)
  await replica.command('REPLICAOF', master.host, master.port)
  const own = new Redis(master.socket)
  t.teardown(() => { own.disconnect() })
  const store = createRedisStore({ link: createPlainLink(t, own), secret, clock: time.now })
  while ((await replica.command('ROLE') as unknown[])[3] !== 'connected' || await own.wait(1, 100) === 0) await own.set('any', 'thing')
  const [first, second] = [await login(store), await login(store)]
  // On a busy machine a replica may be late; a logout that was refused is sent again.
  const answered = async (stored: StoredSession): Promise<void> => {
    for (let turn = 0; turn < 200 && await store.destroy(stored).then(() => false, () => true); turn++) await new Promise(setImmediate)
  }
  await answered(first)
  const keys = async (): Promise<string[]> => (await replica.command('KEYS', 'sessions:*') as string[]).filter(key => /^sessions:[\w-]{43}$/.test(key))
  t.equal((await keys()).length, 1, 'the replica has heard of it before the answer')
  replica.pause()
  const startMs = performance.now()
  await t.rejects(store.destroy(second), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.ok(performance.now() - startMs < 20_000)
  await t.rejects(store.revoke({ id: second.session.id }, time.now()), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.equal(await store.get(second.handle), null, 'it is over all the same')
  const fewMs = performance.now()
  const many = await Promise.allSettled(Array.from({ length: 50 }, () => store.destroy(second)))
  t.ok(many.every(({ status }) => status === 'rejected') && performance.now() - fewMs < 2000, 'many logouts do not wait one after the other')
  replica.resume()
  await answered(second)
  t.same(await keys(), [])
})
