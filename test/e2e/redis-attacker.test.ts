import t, { type Test } from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { login } from 'fastify-oidc-testing'
import { createRedisCoordinator, createRedisLink, createRedisStore } from 'fastify-oidc-redis-store'
import { startCrowdProvider, type CrowdProvider } from '../faults/support/crowd-provider.ts'
import { sendLogout, startInstance, visit } from '../faults/support/instances.ts'
import { handleOf, movableClock, now, reissue, setCookies, storedOf } from '../oidc/session-parts.ts'
import type { Application } from '../oidc/support.ts'
import { redisOptions } from '../redis-store/support/links.ts'
import { readParts, writeParts, writtenEnd, type RecordParts } from '../redis-store/support/record-parts.ts'
import { startRedis, type RedisServer } from '../support/redis-server.ts'

type Fields = Record<string, Buffer>

interface Scene {
  readonly a: Application
  readonly b: Application
  readonly provider: CrowdProvider
  readonly redis: RedisServer
  /** May do everything at Redis, and has no secret. */
  readonly attacker: Redis
}

async function scene (t: Test, more: { readonly client_cache?: boolean } = {}): Promise<Scene> {
  const redis = await startRedis(t)
  const provider = await startCrowdProvider(t)
  const attacker = new Redis(redis.socket)
  t.teardown(() => { attacker.disconnect() })
  const options = { redis: { port: redis.port, ...more } }
  return { a: await startInstance(t, provider, options), b: await startInstance(t, provider, options), provider, redis, attacker }
}

const keyOf = (cookie: string): string => `sessions:${createHash('sha256').update(handleOf(cookie)).digest('base64url')}`
const freshCookie = (): string => `oidc=${randomBytes(32).toString('base64url')}`

async function statusOf (at: Application, cookie: string): Promise<number> {
  return (await visit(at, cookie)).statusCode
}

/** Every choice of some of these, but not none and not all. */
function choices (names: ReadonlyArray<keyof RecordParts>): Array<Array<keyof RecordParts>> {
  return Array.from({ length: 2 ** names.length - 2 }, (_, bits) => names.filter((_name, place) => ((bits + 1) >> place & 1) === 1))
}

t.test('who writes to Redis without the secret makes no session, and takes nobody\'s place', async t => {
  const { a, b, attacker, redis } = await scene(t)
  const [alice, mallory] = [(await login(a.app)).cookie, (await login(a.app)).cookie]
  const { session: { subject, clientId, discovery, issuer } } = await storedOf(a.app, mallory)
  const [hers, own] = [await readParts(attacker, keyOf(alice)), await readParts(attacker, keyOf(mallory))]

  const link = createRedisLink(redisOptions({ port: redis.port }))
  t.teardown(() => link.close())
  const forger = createRedisStore({ link, secret: 'a secret that the attacker has made up' })
  const { session } = await storedOf(a.app, mallory)
  const forged = await forger.create({ ...session, clientId, discovery, issuer, subject: 'admin' }, now() + 3600)
  t.equal(await statusOf(b, `oidc=${forged.handle}`), 401, 'sealed under another secret')

  for (const cookie of [freshCookie(), mallory]) {
    await writeParts(attacker, keyOf(cookie), hers)
    for (const at of [a, b]) t.equal(await statusOf(at, cookie), 401, 'her session under another handle')
  }
  for (const taken of choices(['rev', 'end', 'voucher', 'salt', 'hot', 'cold', 'meta'])) {
    await writeParts(attacker, keyOf(mallory), { ...own, ...Object.fromEntries(taken.map(name => [name, hers[name]])) })
    const answer = await visit(b, mallory)
    const who = answer.statusCode === 200 ? answer.json<{ sub: string }>().sub : null
    t.ok(who === subject || (who === null && answer.statusCode === 401), `with her ${taken.join()}: ${answer.statusCode}`)
    t.same(setCookies(answer), [])
  }
  await writeParts(attacker, keyOf(mallory), own)
  t.equal(await statusOf(b, mallory), 200)
  t.equal(await statusOf(b, alice), 200)
})

t.test('parts of a former revision do not open, and no end is put off', async t => {
  const { a, b, attacker } = await scene(t)
  const clock = movableClock(t)
  const cookie = await reissue(a.app, (await login(a.app)).cookie, { accessTokenExpiresAt: now() - 60 })
  const former = await readParts(attacker, keyOf(cookie))
  t.equal(await statusOf(a, cookie), 200, 'renewed')
  const latest = await readParts(attacker, keyOf(cookie))
  t.notOk(latest.rev.equals(former.rev))
  const token = (await visit(b, cookie)).json<{ token: string }>().token
  // The end goes with its voucher: both may end in the same second, and then all but the end would be the whole former record.
  for (const taken of choices(['rev', 'voucher', 'salt', 'hot', 'cold', 'meta'])) {
    const { end } = taken.includes('voucher') ? former : latest
    await writeParts(attacker, keyOf(cookie), { ...latest, end, ...Object.fromEntries(taken.map(name => [name, former[name]])) })
    const answer = await visit(b, cookie)
    t.ok(answer.statusCode === 401 || answer.json<{ token: string }>().token === token, `with the former ${taken.join()}: ${answer.statusCode}`)
  }
  for (const end of [now() + 10 * 86400, 9e15]) {
    await writeParts(attacker, keyOf(cookie), { ...latest, end: writtenEnd(end) })
    for (const at of [a, b]) t.equal(await statusOf(at, cookie), 401)
  }
  await writeParts(attacker, keyOf(cookie), latest)
  await attacker.persist(keyOf(cookie))
  t.equal(await statusOf(b, cookie), 200)
  clock.advance(2 * 86400)
  for (const at of [a, b]) t.equal(await statusOf(at, cookie), 401, 'kept beyond its end, it is over all the same')
})

t.test('nobody is logged out by messages and marks that were made up, moved or repeated', async t => {
  const { a, b, provider, redis, attacker } = await scene(t)
  const ear = attacker.duplicate({ protocol: 2 })
  t.teardown(() => { ear.disconnect() })
  const said: Buffer[] = []
  ear.on('messageBuffer', (_channel: Buffer, payload: Buffer) => { said.push(payload) })
  await ear.subscribe('sessions:said')

  const [victim, leaving] = [(await login(a.app)).cookie, (await login(a.app)).cookie]
  const { session } = await storedOf(a.app, leaving)
  t.equal((await sendLogout(a, await provider.logoutToken({ sub: session.subject, iat: now() }))).statusCode, 200)
  t.equal(await statusOf(b, leaving), 401)
  const again = await a.app.oidc.issueCookie({ ...session, id: 'a later login', issuedAt: now() + 2 })
  t.ok(said.length > 0, 'a message to repeat')

  const link = createRedisLink(redisOptions({ port: redis.port }))
  t.teardown(() => link.close())
  const forger = createRedisCoordinator({ link, secret: 'a secret that the attacker has made up' })
  t.teardown(() => forger.close())
  const { session: { issuer, subject, id, providerSessionId } } = await storedOf(a.app, victim)
  for (const target of [{ issuer, subject }, { id }, { issuer, providerSessionId: providerSessionId ?? '' }]) await forger.end(target, now() + 60, now() + 3600)
  const marks = await attacker.hgetallBuffer('sessions:{ends}') as Fields
  for (const name of Object.keys(marks)) for (const mark of Object.values(marks)) await attacker.hset('sessions:{ends}', name, mark)
  const plain = JSON.stringify({ target: { issuer, subject }, before: now() + 60, until: now() + 3600 })
  for (const payload of [...said, Buffer.concat(said), plain, '', '{}', 'null', '\0', randomBytes(200), randomBytes(2 ** 21), ...said.map(each => each.subarray(1))]) await attacker.publish('sessions:said', payload)
  await attacker.publish('sessions:said', 'the last')
  while (!said.some(each => each.equals(Buffer.from('the last')))) await new Promise(resolve => setImmediate(resolve))

  for (const at of [a, b]) {
    t.equal(await statusOf(at, victim), 200)
    t.equal(await statusOf(at, again), 200)
    t.equal(await statusOf(at, leaving), 401, 'and who left stays out')
  }
  await attacker.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
  for (let turn = 0; turn < 40; turn++) {
    t.equal(await statusOf(b, victim), 200, 'marks that are read again end nobody either')
    await new Promise(resolve => setTimeout(resolve, 25))
  }
})

t.test('a late tab never gets what another session\'s renewal has left in Redis', async t => {
  const { provider, redis, attacker } = await scene(t)
  const at = await startInstance(t, provider, { redis: { port: redis.port }, session: { coordination: 'redis' } })
  const late: Array<{ cookie: string, sub: string, key: string }> = []
  for (let turn = 0; turn < 2; turn++) {
    const before = new Set(await attacker.keys('sessions:result:*'))
    const cookie = await reissue(at.app, (await login(at.app)).cookie, { accessTokenExpiresAt: now() - 60 })
    const { sub } = (await visit(at, cookie)).json<{ sub: string }>()
    const [key = ''] = (await attacker.keys('sessions:result:*')).filter(each => !before.has(each))
    t.not(key, '')
    late.push({ cookie, sub, key })
  }
  const [one, two] = late
  if (one === undefined || two === undefined) throw new Error('no renewals')
  t.equal((await visit(at, one.cookie)).json<{ sub: string }>().sub, one.sub)
  await attacker.set(one.key, await attacker.getBuffer(two.key) ?? '')
  const other = await startInstance(t, provider, { redis: { port: redis.port }, session: { coordination: 'redis' } })
  const answer = await visit(other, one.cookie)
  t.equal(answer.statusCode, 401, 'its own result is gone, and its refresh token spent')
  t.equal((await visit(other, two.cookie)).json<{ sub: string }>().sub, two.sub)
})

t.test('a handle that was made up is nobody, and costs Redis one command at most', async t => {
  const { a, attacker } = await scene(t, { client_cache: false })
  const { cookie: alice } = await login(a.app)
  const handle = handleOf(alice)
  await attacker.set('precious', 'x')
  const commands = async (work: () => Promise<void>): Promise<number> => {
    await attacker.config('RESETSTAT')
    await work()
    const stats = await attacker.info('commandstats')
    return [...stats.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)].filter(([, name = '']) => !['info', 'config', 'ping', 'client'].includes(name)).reduce((sum, [, , calls]) => sum + Number(calls), 0)
  }
  t.equal(await commands(async () => { t.equal(await statusOf(a, alice), 200) }), 1, 'a session that is known is one command')
  const none = [
    '', ' ', '""', 'x', '\0', '%00', '%0d%0aFLUSHALL%0d%0a', '*1\r\n$8\r\nFLUSHALL\r\n', `${handle}%0d%0aFLUSHALL`, `${handle}\r\nFLUSHALL\r\n`, `${handle}=`, handle.slice(1), `${handle}A`, `sessions:${handle}`, `other:${handle}`,
    keyOf(alice), createHash('sha256').update(handle).digest('hex'), '\']]) redis.call(\'FLUSHALL\') --'.padEnd(43, 'A'), '{ends}'.padEnd(43, 'A'), '*'.repeat(43), 'B'.repeat(43),
    randomBytes(43).toString('latin1'), '\u00ff'.repeat(43), 'A'.repeat(2 ** 20), randomBytes(2 ** 20).toString('latin1'), '1.abcdef.'.repeat(50), `${handle.slice(0, 20)}\u{1f510}${handle.slice(22)}`
  ]
  for (const made of none) {
    const name = JSON.stringify(made.slice(0, 30))
    const count = await commands(async () => {
      const answer = await visit(a, `oidc=${made}`)
      t.equal(answer.statusCode, 401, name)
      t.same(setCookies(answer), [], name)
    })
    t.equal(count, 0, name)
  }
  for (const made of ['A'.repeat(43), randomBytes(32).toString('base64url'), `${handle[0] === 'A' ? 'B' : 'A'}${handle.slice(1)}`]) {
    t.equal(await commands(async () => {
      const answer = await visit(a, `oidc=${made}`)
      t.equal(answer.statusCode, 401)
      t.same(setCookies(answer), [], 'what opens nothing is left alone')
    }), 1)
  }
  const many = Array.from({ length: 50 }, freshCookie).join('; ')
  t.ok(await commands(async () => { t.equal(await statusOf(a, many), 401) }) <= 4, 'of many cookies of one name four are tried')
  t.equal(await attacker.get('precious'), 'x')
  t.equal(await statusOf(a, alice), 200)

  const origin = await a.app.listen({ port: 0, host: '127.0.0.1' })
  const count = await commands(async () => { t.equal((await fetch(origin, { headers: { cookie: `oidc=${'A'.repeat(2 ** 20)}` } })).status, 431, 'over a socket it does not get so far') })
  t.equal(count, 0)
})
