import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRedisCoordinator, createRedisStore, type RedisStoreOptions } from 'fastify-oidc-redis-store'
import { nameOfHandle, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'
import { startRedis } from '../support/redis-server.ts'
import { createPlainLink } from './support/plain-link.ts'
import { joinRecord, readParts, writeParts, writtenEnd, writtenRevision, type RecordParts } from './support/record-parts.ts'
import { dumpRedis, readable } from './support/redis-dump.ts'

const secret = 'the secret of this test, long enough'
const LIFETIME = 3600
const redis = await startRedis(t)
const client = new Redis(redis.socket)
t.teardown(() => { client.disconnect() })
t.beforeEach(async () => { await client.flushall() })

interface Scene {
  readonly store: SessionStore
  readonly time: ReturnType<typeof createManualClock>
  /** Another instance, which remembers nothing of what this one did. */
  other (options?: Partial<RedisStoreOptions>): SessionStore
  login (changes?: Parameters<typeof sampleSession>[0]): Promise<StoredSession>
}

function openScene (t: Test, options: Partial<RedisStoreOptions> = {}): Scene {
  const time = createManualClock()
  const make = (more: Partial<RedisStoreOptions> = {}): SessionStore => {
    const store = createRedisStore({ link: createPlainLink(t, client), secret, clock: time.now, ...options, ...more })
    t.teardown(() => store.close())
    return store
  }
  const store = make()
  return { store, time, other: make, login: changes => store.create(sampleSession({ issuedAt: time.now(), ...changes }), time.now() + LIFETIME) }
}

async function keyOf (): Promise<string> {
  const keys = (await client.keys('sessions:*')).filter(key => /^sessions:[\w-]{43}$/.test(key))
  const [key = ''] = keys
  t.equal(keys.length, 1)
  return key
}

t.test('O176: a dump, the traffic and the messages show no token, address, subject, id or handle', async t => {
  const { store, time, login } = openScene(t)
  const coordinator = createRedisCoordinator({ link: createPlainLink(t, client), secret, clock: time.now })
  t.teardown(() => coordinator.close())
  const monitor = connect(redis.socket)
  t.teardown(() => { monitor.destroy() })
  monitor.write('MONITOR\r\n')
  const seen: Buffer[] = []
  monitor.on('data', (chunk: Buffer) => { seen.push(chunk) })
  await once(monitor, 'data')

  const stored = await Promise.all(Array.from({ length: 50 }, () => login()))
  for (const each of stored.slice(0, 20)) await store.update(each, { ...each.session, accessToken: `renewed-${randomUUID()}` }, time.now() + LIFETIME)
  for (const each of stored.slice(20, 30)) await store.touch(each, time.now() + 2 * LIFETIME)
  await Promise.all(stored.map(({ handle }) => store.get(handle)))
  const [first, second, third] = stored
  if (first === undefined || second === undefined || third === undefined) throw new Error('no session')
  await store.revoke({ issuer: first.session.issuer, subject: first.session.subject }, time.now())
  await coordinator.end({ issuer: second.session.issuer, providerSessionId: second.session.providerSessionId ?? '' }, time.now(), time.now() + LIFETIME)
  await coordinator.publishResult(`renewal of ${third.session.id}`, third.handle, 10_000)
  await coordinator.lock(`renewal of ${third.session.id}`, 10_000)

  const secrets = stored.flatMap(({ handle, session: { id, subject, providerSessionId, accessToken, cold, idTokenClaims } }) =>
    [handle, id, subject, providerSessionId, accessToken, cold.refreshToken, cold.idToken, idTokenClaims?.email].filter(text => typeof text === 'string')).concat('users.example', 'op.example', 'renewed-', 'renewal of', secret)
  while (!Buffer.concat(seen).includes('"echo" "the end"')) {
    await client.echo('the end')
    await setImmediate()
  }
  t.same(readable(await dumpRedis(client), secrets), [])
  t.same(readable(Buffer.concat(seen), secrets), [])

  await client.hset('control', third.handle, `--${third.session.subject}--`)
  await client.zadd('controls', 1, 'users.example')
  t.same(readable(await dumpRedis(client), secrets), [third.handle, third.session.subject, 'users.example'], 'what is there is found')
})

t.test('without the secret nobody makes a session that opens', async t => {
  const { store, time, other } = openScene(t)
  const forger = other({ secret: 'a secret that somebody else has' })
  const forged = await forger.create(sampleSession(), time.now() + LIFETIME)
  t.not(await forger.get(forged.handle), null)
  t.equal(await store.get(forged.handle), null)
  const key = await keyOf()
  const parts = await readParts(client, key)
  const made: ReadonlyArray<Partial<RecordParts>> = [
    { end: writtenEnd(9_999_999_999) }, { end: writtenEnd(9_999_999_999), voucher: randomBytes(16) }, { voucher: Buffer.alloc(16) },
    { rev: writtenRevision(0) }, { rev: writtenRevision(2) }, { rev: writtenRevision(2 ** 48 - 1) }, { form: Buffer.of(2) }, { salt: Buffer.alloc(20) },
    { meta: Buffer.alloc(0) }, { hot: Buffer.alloc(0) }, { hot: Buffer.alloc(0), cold: Buffer.alloc(0) }, { meta: randomBytes(73), hot: randomBytes(300), cold: randomBytes(300) }
  ]
  for (const change of made) {
    await writeParts(client, key, { ...parts, ...change })
    t.equal(await store.get(forged.handle), null)
  }
  const whole = joinRecord(parts)
  for (const record of [...Array.from({ length: 80 }, (_, length) => whole.subarray(0, length)), whole.subarray(1), randomBytes(100_000), Buffer.alloc(1000, 0xff), Buffer.concat([whole.subarray(0, 51), Buffer.alloc(100, 0xff)])]) {
    await client.set(key, record)
    t.equal(await store.get(forged.handle), null)
  }
})

t.test('without the secret nobody makes a session that opens as one of a former release', async t => {
  const { store, login } = openScene(t)
  const { handle } = await login()
  const key = await keyOf()
  await client.del(key)
  for (const fields of [
    { rev: '1' }, { rev: '1', exp: '9999999999', hot: '{}', cold: '{}', meta: '{}' },
    { rev: '1', exp: Buffer.concat([Buffer.from('9999999999'), randomBytes(45)]), hot: randomBytes(300), cold: randomBytes(300), meta: randomBytes(300) },
    { rev: '' }, { exp: '' }, { hot: '', cold: '' }, { rev: '-1' }, { rev: '1e3' }, { rev: '9'.repeat(400) }, { exp: '9'.repeat(400) }, { exp: randomBytes(100_000) }
  ]) {
    await client.hset(key, fields)
    t.equal(await store.get(handle), null)
  }
})

t.test('the seal of a session needs the handle, not the secret alone', async t => {
  const { login, other } = openScene(t)
  const stored = await login()
  const key = await keyOf()
  const thief = randomBytes(32).toString('base64url')
  await client.copy(key, `sessions:${nameOfHandle(thief)}`)
  t.equal(await other().get(thief), null)
  t.not(await other().get(stored.handle), null)
})

t.test('O177: no part of one revision or session goes with another', async t => {
  const { store, time, login, other } = openScene(t)
  const stored = await login()
  const key = await keyOf()
  const first = await readParts(client, key)
  const updated = await store.update(stored, { ...stored.session, accessToken: 'second', cold: { refreshToken: 'second', idToken: 'second' } }, time.now() + LIFETIME)
  t.equal(updated?.revision, 2)
  const second = await readParts(client, key)
  const stranger = await login()
  const strange = (await client.keys('sessions:*')).find(each => /^sessions:[\w-]{43}$/.test(each) && each !== key) ?? ''
  const strangers = await readParts(client, strange)

  for (const field of ['rev', 'voucher', 'salt', 'meta', 'hot'] as const) {
    await writeParts(client, key, { ...second, [field]: first[field] })
    t.equal(await other().get(stored.handle), null, `${field} of the former revision`)
  }
  for (const field of ['voucher', 'salt', 'meta', 'hot'] as const) {
    await writeParts(client, key, { ...second, [field]: strangers[field] })
    t.equal(await other().get(stored.handle), null, `${field} of another session`)
  }
  for (const cold of [first.cold, strangers.cold, randomBytes(200), Buffer.alloc(0)]) {
    await writeParts(client, key, { ...second, cold })
    const found = await other().get(stored.handle)
    t.same(found?.session.cold, { refreshToken: null, idToken: null }, 'no tokens but its own')
  }
  for (const meta of [first.meta, strangers.meta]) {
    await writeParts(client, key, { ...second, meta })
    const listed: string[] = []
    for await (const { id } of store.inspect('all')) listed.push(id)
    t.same(listed, [stranger.session.id], 'who it is cannot be changed')
  }
  await writeParts(client, key, second)
  t.same((await other().get(stored.handle))?.session, updated?.session)
})

t.test('of two renewals of one revision no part goes with the other', async t => {
  const { time, login, other } = openScene(t)
  const stored = await login()
  const key = await keyOf()
  const before = await client.getBuffer(key) ?? Buffer.alloc(0)
  const renew = async (accessToken: string): Promise<RecordParts> => {
    await client.set(key, before, 'KEEPTTL')
    await other().update(stored, { ...stored.session, accessToken, cold: { refreshToken: accessToken, idToken: null } }, time.now() + LIFETIME)
    return await readParts(client, key)
  }
  const [one, two] = [await renew('one'), await renew('two')]
  t.same([one.rev, one.end, one.voucher], [two.rev, two.end, two.voucher])
  for (const field of ['salt', 'meta', 'hot'] as const) {
    await writeParts(client, key, { ...two, [field]: one[field] })
    t.equal(await other().get(stored.handle), null, field)
  }
  await writeParts(client, key, { ...two, cold: one.cold })
  t.equal((await other().get(stored.handle))?.session.cold.refreshToken, null)
})

t.test('nobody prolongs a session beyond the end that is sealed', async t => {
  const { time, login, other } = openScene(t)
  const { handle } = await login()
  const key = await keyOf()
  const parts = await readParts(client, key)
  await client.persist(key)
  for (const end of [9, time.now() + LIFETIME + 1, time.now() + 10 * LIFETIME, Number.MAX_SAFE_INTEGER]) {
    await writeParts(client, key, { ...parts, end: writtenEnd(end) })
    t.equal(await other().get(handle), null)
  }
  await writeParts(client, key, parts)
  t.not(await other().get(handle), null)
  time.advance(LIFETIME)
  t.equal(await other().get(handle), null)
})

t.test('a session that is put back after its end stays over where ends are known', async t => {
  const link = createPlainLink(t, client)
  const { time, store, login, other } = openScene(t)
  const coordinator = createRedisCoordinator({ link, secret, clock: time.now })
  t.teardown(() => coordinator.close())
  const stored = await login()
  const key = await keyOf()
  const kept = await client.getBuffer(key) ?? Buffer.alloc(0)
  await store.destroy(stored)
  await coordinator.end({ id: stored.session.id }, time.now(), time.now() + LIFETIME)
  await client.set(key, kept)
  await client.del('sessions:{ends}')
  t.not(await other().get(stored.handle), null, 'the store alone cannot know')
  const guarded = other({ coordinator })
  t.equal(await guarded.get(stored.handle), null)
  t.equal(await guarded.update(stored, stored.session, time.now() + LIFETIME), null)
  t.equal(await guarded.touch(stored, time.now() + LIFETIME), null)
})

t.test('who garbles what names a session does not save it from revocation', async t => {
  const { store, time, login } = openScene(t)
  const { handle, session: { issuer, subject } } = await login()
  const key = await keyOf()
  const parts = await readParts(client, key)
  await writeParts(client, key, { ...parts, meta: randomBytes(parts.meta.length) })
  t.equal(await store.revoke({ issuer, subject }, time.now()), 1)
  t.equal(await store.get(handle), null)
})

t.test('what stands in an index and is no name is left alone', async t => {
  const { store, time, login } = openScene(t)
  const { session: { id } } = await login()
  const [index = ''] = (await client.keys('sessions:index:*'))
  await client.set('sessions:precious', 'x')
  for (const key of await client.keys('sessions:index:*')) await client.zadd(key, 9e15, 'precious', 9e15, '*', 9e15, '', 9e15, 'x'.repeat(1e6))
  t.not(index, '')
  t.equal(await store.revoke({ id }, time.now()), 1)
  t.equal(await client.get('sessions:precious'), 'x')
})

t.test('who shares a set of the index with others is looked for alone', async t => {
  const { time, login } = openScene(t)
  const strangers = await Promise.all(Array.from({ length: 20 }, () => login()))
  const members = (await Promise.all((await client.keys('sessions:index:*')).map(key => client.zrangeBuffer(key, '0', '-1')))).flat()
  await client.flushall()
  const { handle, session: { id } } = await login()
  for (const key of await client.keys('sessions:index:*')) await client.zadd(key, ...members.flatMap(member => [9e15, member]))
  const link = createPlainLink(t, client)
  const store = createRedisStore({ link, secret, clock: time.now })
  t.teardown(() => store.close())
  t.equal(await store.revoke({ id }, time.now()), 1)
  t.ok(link.count < 15, `${link.count} commands, none for each of ${strangers.length} others`)
  t.equal(await store.get(handle), null)
})

t.test('a handle that was made up costs one command at most, and most cost none', async t => {
  const time = createManualClock()
  const link = createPlainLink(t, client)
  const store = createRedisStore({ link, secret, clock: time.now })
  const { handle } = await store.create(sampleSession(), time.now() + LIFETIME)
  const injection = 'EVAL "redis.call(\'FLUSHALL\')" 0'
  const free = [
    '', 'x', '\0', '\r\n', '*1\r\n$8\r\nFLUSHALL\r\n', injection, `${handle}\r\nFLUSHALL\r\n`, `${handle.slice(0, 33)}\r\nFLUSHALL`, handle.slice(1), `${handle} `, `${handle}=`, `sessions:${handle}`, `other:${handle}`,
    '\']] ) redis.call(\'FLUSHALL\') --'.padEnd(43, 'A'), '{ends}'.padEnd(43, 'A'), '*'.repeat(43), '?'.repeat(43), '٣'.repeat(43), '\ud800'.repeat(43), 'A'.repeat(42) + 'B',
    'A'.repeat(2 ** 20), '\0'.repeat(2 ** 20), randomBytes(2 ** 20).toString('latin1')
  ]
  const before = await client.dbsize()
  for (const made of free) {
    const count = link.count
    t.equal(await store.get(made), null)
    t.equal(link.count, count, `${JSON.stringify(made.slice(0, 30))} did not reach Redis`)
  }
  for (const made of ['A'.repeat(43), randomBytes(32).toString('base64url'), handle.split('').reverse().join('').replace(/.$/, 'A')]) {
    const count = link.count
    t.equal(await store.get(made), null)
    t.equal(link.count, count + 1)
  }
  t.equal(await client.dbsize(), before)
  t.not(await store.get(handle), null)
})

t.test('a session of another client neither opens, nor is listed, nor is ended', async t => {
  const { store, time, login, other } = openScene(t, { binding: 'one client' })
  const { handle, session: { id, issuer, subject } } = await login()
  const neighbour = other({ binding: 'another client' })
  t.equal(await neighbour.get(handle), null)
  t.equal(await neighbour.revoke({ issuer, subject }, time.now()), 0)
  t.equal(await neighbour.revoke({ id }, time.now()), 0)
  for await (const summary of neighbour.inspect('all')) t.fail(summary.id)
  for await (const summary of neighbour.inspect({ issuer, subject })) t.fail(summary.id)
  t.not(await store.get(handle), null)
})

t.test('what somebody plants where sessions, or what finds them, would stand keeps nobody from being logged out', async t => {
  const plants = [async (key: string) => await client.lpush(key, 'x'), async (key: string) => await client.sadd(key, 'x'), async (key: string) => await client.zadd(key, 1, 'x')]
  for (const plant of plants) {
    const { store, time, other, login } = openScene(t)
    const stored = await login()
    const { handle, session: { id, issuer, subject } } = stored
    const planted = randomBytes(32)
    const key = `sessions:${planted.toString('base64url')}`
    for (const index of await client.keys('sessions:index:*')) {
      for (const member of await client.zrangeBuffer(index, '0', '-1')) await client.zadd(index, time.now() + 2 * 86400, Buffer.concat([member.subarray(0, 16), planted]))
    }
    await plant(key)
    for (const target of ['all', { issuer, subject }] as const) {
      const listed: string[] = []
      for await (const summary of other().inspect(target)) listed.push(summary.id)
      t.same(listed, [id])
    }
    t.equal(await other().revoke({ issuer, subject }, time.now()), 1)
    t.equal(await client.exists(key), 0)
    t.equal(await other().get(handle), null)

    time.advance(1)
    const overwritten = await login()
    const own = `sessions:${nameOfHandle(overwritten.handle)}`
    await client.del(own)
    await plant(own)
    for (const each of [store, other()]) {
      t.equal(await each.get(overwritten.handle), null)
      t.equal(await each.update(overwritten, overwritten.session, time.now() + LIFETIME), null)
      t.equal(await each.touch(overwritten, time.now() + LIFETIME), null)
      await each.destroyIfUnchanged(overwritten)
    }
    t.equal(await client.exists(own), 1)
    await store.destroy(overwritten)
    t.equal(await client.exists(own), 0)
    await client.flushall()
  }
})

t.test('an index that somebody replaced finds nothing, and stops neither a revocation nor a login', async t => {
  const { time, other, login } = openScene(t)
  const { session: { issuer, subject, id } } = await login()
  for (const index of await client.keys('sessions:index:*')) await client.set(index, 'x')
  t.equal(await other().revoke({ issuer, subject }, time.now()), 0)
  t.equal(await other().revoke({ id }, time.now()), 0)
  time.advance(1)
  const { handle } = await login({ subject, issuer })
  t.not(await other().get(handle), null)
  t.equal(await other().revoke({ issuer, subject }, time.now()), 1)
  t.equal(await other().get(handle), null)
})
