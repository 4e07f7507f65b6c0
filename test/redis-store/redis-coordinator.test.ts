import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRedisCoordinator, createRedisStore, type RedisCoordinatorOptions } from 'fastify-oidc-redis-store'
import type { RevocationTarget, SessionCoordinator } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { createPlainLink, type PlainLink } from './support/plain-link.ts'

const secret = 'the secret of this test, long enough'
const CHANNEL = 'sessions:said'
/** Of a lock of a minute. */
const PROMPT_MS = 20_000
const redis = await startRedis(t)
const client = new Redis(redis.socket)
t.teardown(() => { client.disconnect() })
t.beforeEach(async () => { await client.flushall() })

const time = createManualClock()

interface Instance {
  readonly coordinator: SessionCoordinator
  readonly link: PlainLink
  readonly heard: RevocationTarget[]
}

/** An instance that hears what is said. */
async function instance (t: Test, options: Partial<RedisCoordinatorOptions> = {}): Promise<Instance> {
  const link = createPlainLink(t, client)
  const coordinator = createRedisCoordinator({ link, secret, clock: time.now, ...options })
  t.teardown(() => coordinator.close())
  const heard: RevocationTarget[] = []
  coordinator.onEnded(target => { heard.push(target) })
  await eventually(() => coordinator.hasEnded(sampleSession()) === false)
  return { coordinator, link, heard }
}

async function eventually (holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 30_000
  while (!await holds()) {
    if (performance.now() > deadlineMs) throw new Error('not within 30 s')
    await sleep(5)
  }
}

const subjectOf = ({ issuer, subject }: ReturnType<typeof sampleSession>): RevocationTarget => ({ issuer, subject })

t.test('what is said by somebody without the secret does nothing', async t => {
  const { coordinator, heard } = await instance(t)
  const forger = await instance(t, { secret: 'a secret that somebody else has' })
  const session = sampleSession({ issuedAt: time.now() })
  const lock = await coordinator.lock('a', 60_000)
  let woken = false
  const waiting = coordinator.waitForRelease('a', 60_000).then(() => { woken = true })

  await forger.coordinator.end(subjectOf(session), time.now(), time.now() + 100)
  await forger.coordinator.end({ id: session.id }, time.now(), time.now() + 100)
  const forged = await forger.coordinator.lock('a', 60_000)
  t.not(forged, null, 'what he locks are locks of his own')
  await forged?.release()
  const [name = ''] = (await client.keys('sessions:lock:*')).map(key => key.slice('sessions:lock:'.length))
  for (const payload of ['', '{}', name, `sessions:lock:${name}`, JSON.stringify({ released: name }), JSON.stringify({ target: subjectOf(session), before: 9e9, until: 9e9 }), randomBytes(200), randomBytes(2 ** 20 + 1)]) await client.publish(CHANNEL, payload)
  await client.hset('sessions:{ends}', 'forged', JSON.stringify({ target: subjectOf(session), before: 9e9, until: 9e9 }))

  await coordinator.end({ id: 'the last' }, time.now(), time.now() + 100)
  await eventually(() => heard.length > 0)
  await sleep(50)
  t.same(heard, [{ id: 'the last' }])
  t.equal(coordinator.hasEnded(session), false)
  t.equal(woken, false)
  await lock?.release()
  await waiting
  t.same(forger.heard.length, 2, 'he hears himself alone')
})

t.test('what was said once and is said again does nothing', async t => {
  const { coordinator, heard } = await instance(t)
  const ear = new Redis({ path: redis.socket, protocol: 2 })
  t.teardown(() => { ear.disconnect() })
  const said: Buffer[] = []
  ear.on('messageBuffer', (_channel: Buffer, payload: Buffer) => { said.push(payload) })
  await ear.subscribe(CHANNEL)
  const session = sampleSession({ issuedAt: time.now() })
  await coordinator.end(subjectOf(session), time.now(), time.now() + 10)
  await eventually(() => said.length === 1)
  await client.publish(CHANNEL, said[0] ?? '')
  t.equal(coordinator.hasEnded({ ...session, issuedAt: time.now() + 1 }), false)
  time.advance(10)
  await client.publish(CHANNEL, said[0] ?? '')
  await coordinator.end({ id: 'the last' }, time.now(), time.now() + 100)
  await eventually(() => said.length === 4)
  t.same(heard, [subjectOf(session), { id: 'the last' }])
  t.equal(coordinator.hasEnded(session), false, 'after its time it is not brought back')
})

t.test('an instance that starts knows what was ended before', async t => {
  const first = await instance(t)
  const sessions = Array.from({ length: 1200 }, () => sampleSession({ issuedAt: time.now() }))
  await Promise.all(sessions.map((session, turn) => first.coordinator.end(turn % 2 === 0 ? { id: session.id } : subjectOf(session), time.now(), time.now() + 100)))
  const second = await instance(t)
  t.ok(sessions.every(session => second.coordinator.hasEnded(session) === true))
  t.equal(second.coordinator.hasEnded(sampleSession()), false)
})

t.test('until it has heard what was ended, an instance asks Redis', async t => {
  const session = sampleSession({ issuedAt: time.now() })
  const first = await instance(t)
  await first.coordinator.end(subjectOf(session), time.now(), time.now() + 100)
  const deaf = createPlainLink(t, client)
  const coordinator = createRedisCoordinator({ link: { ...deaf, run: deaf.run, subscribe: () => ({ close: async () => {} }) }, secret, clock: time.now })
  t.teardown(() => coordinator.close())
  t.ok(coordinator.hasEnded(session) instanceof Promise)
  t.equal(await coordinator.hasEnded(session), true)
  t.equal(await coordinator.hasEnded(sampleSession()), false)
  deaf.down = true
  await t.rejects(async () => { await coordinator.hasEnded(sampleSession()) }, { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.equal(coordinator.hasEnded(session), true, 'what is known to be over needs nobody')
})

t.test('while the push is lost for more than a moment Redis is asked, and an outage is an error', async t => {
  const { coordinator, link, heard } = await instance(t)
  const other = await instance(t)
  const [missed, alive] = [sampleSession({ issuedAt: time.now() }), sampleSession({ issuedAt: time.now() })]
  await link.losePush()
  await other.coordinator.end(subjectOf(missed), time.now(), time.now() + 100)
  t.equal(coordinator.hasEnded(missed), false, 'for a moment the copy counts')
  await eventually(() => coordinator.hasEnded(alive) !== false)
  t.equal(await coordinator.hasEnded(alive), false)
  link.down = true
  await t.rejects(async () => { await coordinator.hasEnded(missed) }, { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  link.down = false
  t.equal(await coordinator.hasEnded(missed), true)
  t.same(heard, [subjectOf(missed)], 'and who listens hears of it')

  const later = sampleSession({ issuedAt: time.now() })
  await other.coordinator.end({ id: later.id }, time.now(), time.now() + 100)
  await link.findPush()
  await eventually(() => coordinator.hasEnded(alive) === false)
  t.equal(coordinator.hasEnded(later), true, 'when it is heard again, what was missed is read')
  t.same(heard, [subjectOf(missed), { id: later.id }])
})

t.test('a copy that could not be read is read again', async t => {
  const { coordinator, link } = await instance(t)
  const session = sampleSession()
  await link.losePush()
  await sleep(300)
  link.down = true
  await link.findPush()
  await t.rejects(async () => { await coordinator.hasEnded(session) }, { code: 'FST_OIDC_STORE_UNAVAILABLE' }, 'to be heard is not to have read')
  link.down = false
  await eventually(() => coordinator.hasEnded(session) === false)
})

t.test('who waits while the push is lost hears of a release soon, and of one that was missed when it is back', async t => {
  const here = await instance(t)
  const there = await instance(t)
  for (const isBack of [false, true]) {
    const lock = await here.coordinator.lock('a', 60_000)
    const startMs = performance.now()
    const waiting = there.coordinator.waitForRelease('a', 60_000)
    await there.link.losePush()
    await lock?.release()
    if (isBack) await there.link.findPush()
    await waiting
    t.ok(performance.now() - startMs < PROMPT_MS)
    await there.link.findPush()
  }
})

t.test('a lock that nobody could take or release is an error or nothing', async t => {
  const { coordinator, link } = await instance(t)
  const lock = await coordinator.lock('a', 60_000)
  link.down = true
  await t.rejects(coordinator.lock('b', 1000), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.rejects(coordinator.waitForRelease('a', 1000), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.rejects(coordinator.takeResult('a'), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.rejects(coordinator.publishResult('a', 'x', 1000), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  await t.resolves(async () => { await lock?.release() }, 'what was done under the lock is done')
})

t.test('an end that Redis does not take is an error, holds here at once and everywhere when Redis is back', async t => {
  const here = await instance(t)
  const there = await instance(t)
  const session = sampleSession({ issuedAt: time.now() })
  here.link.down = true
  await t.rejects(here.coordinator.end(subjectOf(session), time.now(), time.now() + 100), { code: 'FST_OIDC_STORE_UNAVAILABLE' })
  t.equal(here.coordinator.hasEnded(session), true)
  t.equal(there.coordinator.hasEnded(session), false)
  here.link.down = false
  here.link.reconnect()
  await eventually(() => there.coordinator.hasEnded(session))
  t.same(there.heard, [subjectOf(session)])
})

t.test('marks that a failover has lost are written again by whoever heard of them', async t => {
  const here = await instance(t)
  const there = await instance(t)
  const session = sampleSession({ issuedAt: time.now() })
  await here.coordinator.end(subjectOf(session), time.now(), time.now() + 100)
  await eventually(() => there.coordinator.hasEnded(session))
  await here.coordinator.close()
  await client.flushall()
  there.link.reconnect()
  await eventually(async () => await client.exists('sessions:{ends}') === 1)
  const third = await instance(t)
  t.equal(third.coordinator.hasEnded(session), true)
})

t.test('of many marks for one target at once the widest stays', async t => {
  const all = [await instance(t), await instance(t), await instance(t)]
  const session = sampleSession({ issuedAt: time.now() + 19 })
  await Promise.all(Array.from({ length: 20 }, (_, turn) => all[turn % 3]?.coordinator.end(subjectOf(session), time.now() + turn, time.now() + 100 - turn)))
  t.equal(await client.hlen('sessions:{ends}'), 1)
  const fresh = await instance(t)
  t.equal(fresh.coordinator.hasEnded(session), true)
  time.advance(99)
  t.equal(fresh.coordinator.hasEnded(session), true)
  time.advance(1)
  t.equal(fresh.coordinator.hasEnded(session), false)
})

t.test('marks whose time has come leave Redis', async t => {
  const { coordinator } = await instance(t)
  for (let turn = 0; turn < 150; turn++) await coordinator.end({ id: `n${turn}` }, time.now(), time.now() + 10)
  t.equal(await client.hlen('sessions:{ends}'), 150)
  t.ok(await client.pttl('sessions:{ends}') <= 10_000)
  time.advance(10)
  await coordinator.end({ id: 'a' }, time.now(), time.now() + 10)
  await coordinator.end({ id: 'b' }, time.now(), time.now() + 10)
  t.equal(await client.hlen('sessions:{ends}'), 2)
  t.equal(await client.zcard('sessions:{ends}:until'), 2)
})

t.test('a revocation of the store is heard by all who listen', async t => {
  const { heard, coordinator } = await instance(t)
  const store = createRedisStore({ link: createPlainLink(t, client), secret, clock: time.now })
  t.teardown(() => store.close())
  const session = sampleSession({ issuedAt: time.now() })
  await store.create(session, time.now() + 100)
  await store.revoke(subjectOf(session), time.now())
  await eventually(() => heard.length === 1)
  t.same(heard, [subjectOf(session)])
  t.equal(coordinator.hasEnded(session), true)
})

t.test('a listener that throws keeps nobody from hearing', async t => {
  const here = await instance(t)
  const there = await instance(t)
  for (const { coordinator } of [here, there]) coordinator.onEnded(() => { throw new Error('a listener that throws') })
  const after: RevocationTarget[] = []
  there.coordinator.onEnded(target => { after.push(target) })
  await t.rejects(here.coordinator.end({ id: 'a' }, time.now(), time.now() + 10), AggregateError)
  await eventually(() => after.length === 1)
  t.same(there.heard, [{ id: 'a' }])
})

t.test('a lock that was taken, while the answer was lost, is ours when it is asked for again', async t => {
  const { coordinator } = await instance(t)
  const real = client.callBuffer.bind(client)
  let lost = 0
  const stutter = new Proxy(client, {
    get (target, name) {
      if (name !== 'callBuffer') return Reflect.get(target, name) as unknown
      return async (...args: Parameters<typeof client.callBuffer>) => {
        lost++
        await real(...args)
        return await real(...args)
      }
    }
  })
  const link = createPlainLink(t, client)
  const twice = createRedisCoordinator({ link: { ...link, run: async command => await command(stutter), subscribe: link.subscribe }, secret, clock: time.now })
  t.teardown(() => twice.close())
  t.not(await twice.lock('a', 10_000), null)
  t.ok(lost > 0)
  t.equal(await coordinator.lock('a', 10_000), null)
})
