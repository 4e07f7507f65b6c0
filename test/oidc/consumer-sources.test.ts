import t from 'tap'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import oidc, { type ConsumerQuery, type OidcHooks } from 'fastify-oidc'
import { withIdentity } from 'fastify-oidc-testing'
import { Redis } from 'ioredis'
import { startRedis } from '../support/redis-server.ts'
import { asking, consumerApp, GUID, nameOf, YODA } from './consumer-parts.ts'
import { createApplication, optionsFor, SECRET, type Application } from './support.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

type Resolve = NonNullable<OidcHooks<FastifyRequest>['resolveConsumer']>

async function until (what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await holds()) return
    await wait(25)
  }
  throw new Error(`${what}: not within 5 seconds`)
}

async function hooked (t: Parameters<typeof createApplication>[0], resolveConsumer: Resolve, consumer = {}, more = {}): Promise<Application> {
  return await consumerApp(t, { claims: ['sub'], ...consumer }, { hooks: { resolveConsumer }, ...more })
}

t.test('a file is read at the boot and when it changes, and one that does not hold changes nothing', async t => {
  const folder = t.testdir({ 'consumers.yaml': `- username: Yoda\n  custom_id: ${GUID}\n` })
  const file = join(folder, 'consumers.yaml')
  const put = (text: string): void => {
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
  }
  const { app, log } = await consumerApp(t, { claims: ['sub'], by: ['custom_id', 'username'], file })
  const { headers } = await withIdentity(app, { sub: GUID })
  const ask = async (): Promise<unknown> => nameOf(await app.inject({ url: '/', headers }))
  t.equal(await ask(), 'Yoda')
  put('- username: [secret')
  await until('the log says so', () => log.some(line => line.oidc === 'consumers' && line.level === 50))
  t.match(log.find(line => line.oidc === 'consumers' && line.level === 50), { msg: /cannot be used, and what it said before holds: is neither YAML nor JSON/ })
  t.notMatch(JSON.stringify(log), /secret/, 'nothing of the file is logged')
  t.equal(await ask(), 'Yoda')
  put(JSON.stringify({ consumers: [{ username: 'Luke', custom_id: GUID }, { username: GUID }] }))
  await until('the new file holds, for sessions that were mapped before too', async () => await ask() === 'Luke')
  t.ok(log.some(line => /is the custom_id of one consumer and the username of another/.test(String(line.msg))), 'it is warned of at each version')
  put('[]')
  await until('who was taken out is none', async () => await ask() === 403)
})

t.test('who was taken out of the file is no consumer where a rule lets them pass either', async t => {
  const folder = t.testdir({ 'consumers.json': '[{ "username": "ann", "groups": ["staff"] }]' })
  const file = join(folder, 'consumers.json')
  const { app } = await consumerApp(t, { claims: ['sub'], by: ['username'], file, set_headers: true }, { skip_auth_routes: ['^/pub/'] })
  const identity = { user: 'ann', groups: [], stamp: '1' }
  app.oidc.useLocalUsers({ isCurrent: () => true, verify: () => identity })
  app.get('/pub/x', async ({ oidc: { user, consumer, identityHeaders } }) => ({ user, consumer: consumer?.username ?? null, headers: identityHeaders }))
  const headers = { authorization: `Basic ${Buffer.from('ann:secret').toString('base64')}` }
  const ask = async (url: string) => await app.inject({ url, headers })
  t.match((await ask('/pub/x')).json(), { consumer: 'ann', headers: { 'x-consumer-username': 'ann' } })
  writeFileSync(`${file}.new`, '[]')
  renameSync(`${file}.new`, file)
  await until('who was taken out is none', async () => (await ask('/')).statusCode === 403)
  const answer = (await ask('/pub/x')).json<{ user: string, consumer: unknown, headers: object }>()
  t.strictSame([answer.user, answer.consumer], ['ann', null])
  t.notOk(Object.keys(answer.headers).some(name => name.startsWith('x-consumer')))
})

t.test('a file that does not hold at the boot stops it, and quotes nothing', async t => {
  const rows: Array<[text: string | null, consumer: object, message: RegExp]> = [
    [null, {}, /ENOENT/],
    ['- username: [secret', {}, /neither YAML nor JSON/],
    ['secret: 1', {}, /must be a list/],
    ['- usernam: secret', {}, /\[0\] is not a consumer: usernam is not a known option; did you mean username\?/],
    ['- username: a\n- username: a', {}, /\[1\]\.username is that of an earlier consumer/],
    ['- username: a', { anonymous: 'guest' }, /consumer\.anonymous names "guest"/]
  ]
  for (const [text, consumer, message] of rows) {
    const folder = t.testdir(text === null ? {} : { 'c.yaml': text })
    const error = await consumerApp(t, { claims: ['sub'], file: join(folder, 'c.yaml'), ...consumer }).then(() => null, (error: Error & { code: string }) => error)
    t.equal(error?.code, 'FST_OIDC_CONSUMER_FILE_INVALID')
    t.match(error?.message, message)
    t.notMatch(error?.message, /secret/)
  }
})

t.test('the hook is asked once for a session as long as its answer is kept, and strangers are remembered too', async t => {
  const asked: ConsumerQuery[] = []
  const { app } = await hooked(t, async query => {
    asked.push(query)
    await wait(5)
    return query.by === 'username' && query.value === 'yoda' ? YODA : null
  }, { by: ['custom_id', 'username'] })
  const [yoda, again, stranger] = [await withIdentity(app, { sub: 'yoda' }), await withIdentity(app, { sub: 'yoda' }), await withIdentity(app, { sub: 'vader' })]
  const ask = async ({ headers }: typeof yoda): Promise<unknown> => nameOf(await app.inject({ url: '/', headers }))
  t.strictSame(await Promise.all([ask(yoda), ask(yoda), ask(again), ask(yoda)]), ['Yoda', 'Yoda', 'Yoda', 'Yoda'])
  t.strictSame(asked, [{ by: 'custom_id', value: 'yoda' }, { by: 'username', value: 'yoda' }], 'requests at once share a question')
  t.strictSame([await ask(yoda), await ask(again)], ['Yoda', 'Yoda'])
  t.equal(asked.length, 2)
  t.strictSame([await ask(stranger), await ask(stranger)], [403, 403])
  t.equal(asked.length, 4)
})

t.test('answers are kept for as long as the options say', async t => {
  let count = 0
  const { app } = await hooked(t, () => {
    count++
    return count < 3 ? YODA : null
  }, { cache_ttl: 0, negative_cache_ttl: 3600 })
  const { headers } = await withIdentity(app, { sub: GUID })
  const ask = async (): Promise<unknown> => nameOf(await app.inject({ url: '/', headers }))
  t.strictSame([await ask(), await ask(), await ask(), await ask()], ['Yoda', 'Yoda', 403, 403])
  t.equal(count, 3)
})

t.test('an outage is 503, for everybody and never anonymous, and is not kept', async t => {
  const failures: Array<[Resolve, RegExp]> = [
    [() => { throw new Error('the directory is down') }, /the directory is down/],
    [async () => await Promise.reject(new Error('the directory is down')), /the directory is down/],
    [(() => undefined) as unknown as Resolve, /answered undefined/],
    [(() => ({ name: 'x' })) as unknown as Resolve, /not a consumer: name is not a known option/],
    [async () => await new Promise(() => {}), /no answer within 1 s/]
  ]
  for (const [resolve, cause] of failures) {
    let isDown = true
    const { app, log } = await hooked(t, query => isDown ? resolve(query) : query.by === 'custom_id' ? YODA : { username: 'guest' }, { anonymous: 'guest', optional: true }, { timeout: 1 })
    const ask = asking(app)
    const response = await ask({ sub: GUID })
    t.equal(response.statusCode, 503)
    t.match(response.json(), { code: 'FST_OIDC_CONSUMERS_UNAVAILABLE' })
    t.ok(response.headers['retry-after'])
    t.equal((await app.inject('/pass')).statusCode, 503)
    t.match(JSON.stringify(log.filter(line => line.level === 50)), cause)
    t.notMatch(response.body, cause)
    isDown = false
    t.equal(nameOf(await ask({ sub: GUID })), 'Yoda')
    t.equal(nameOf(await app.inject('/pass')), 'guest')
  }
})

t.test('an anonymous consumer that is nowhere is an outage', async t => {
  const { app, log } = await hooked(t, () => null, { anonymous: 'guest' })
  t.equal((await asking(app)({ sub: GUID })).statusCode, 503)
  t.match(JSON.stringify(log.filter(line => line.level === 50)), /consumer\.anonymous is neither id nor username/)
})

t.test('a hook stands alone', async t => {
  await t.rejects(hooked(t, () => null, { list: [YODA] }), /hooks\.resolveConsumer stands beside consumer\.list/)
  await t.rejects(hooked(t, () => null, { claims: undefined, set_headers: true }), /hooks\.resolveConsumer has no effect without consumer\.claims/)
  await t.rejects(consumerApp(t, { claims: ['sub'] }), /consumer\.claims leads to nobody/)
})

t.test('consumers in Redis', async t => {
  const redis = await startRedis(t)
  const client = new Redis(redis.port)
  t.teardown(() => { client.disconnect() })
  await once(client, 'ready')
  const session = { secret: SECRET, redis: { port: redis.port } }
  const { app, log } = await consumerApp(t, { claims: ['sub'], by: ['custom_id', 'username'], redis: {}, cache_ttl: 0, negative_cache_ttl: 0 }, { session })
  const ask = asking(app)
  await client.hset('consumers:custom_id', GUID, JSON.stringify(YODA))
  await client.hset('consumers:username', 'yoda', JSON.stringify({ username: 'yoda' }))
  t.equal(nameOf(await ask({ sub: GUID })), 'Yoda')
  t.equal(nameOf(await ask({ sub: 'yoda' })), 'yoda')
  t.equal(nameOf(await ask({ sub: 'vader' })), 403)
  t.notOk(log.some(line => /session\.redis has no effect/.test(String(line.msg))))

  for (const entry of ['{', '[]', '{"username":"x","isAdmin":true}', JSON.stringify(YODA), ' '.repeat(70_000)]) {
    await client.hset('consumers:custom_id', 'vader', entry)
    t.equal(nameOf(await ask({ sub: 'vader' })), 503, entry.slice(0, 50))
  }
  t.match(JSON.stringify(log.filter(line => line.level === 50)), /has another custom_id than the field that it stands at/)

  await redis.kill()
  t.equal(nameOf(await ask({ sub: GUID })), 503)
})

t.test('scopes of one client share their sessions, and each has consumers of its own', async t => {
  const { app } = createApplication(t)
  let shop: FastifyInstance | null = null
  const scopes = { '/shop': { claims: ['sub'], list: [{ username: 'customer', custom_id: 'ann' }] }, '/desk': { claims: ['sub'], list: [{ username: 'clerk', custom_id: 'bob' }] } }
  for (const [prefix, consumer] of Object.entries(scopes)) {
    await app.register(async scope => {
      await scope.register(oidc, optionsFor(offline, { redirect_uri: `${prefix}/callback`, unauth_action: 'deny', consumer }))
      scope.get('/', async ({ oidc: { consumer } }) => ({ consumer: consumer?.username ?? null }))
      shop ??= scope
    }, { prefix })
  }
  const { headers } = await withIdentity(shop ?? app, { sub: 'ann' })
  const ask = async (url: string) => await app.inject({ url, headers })
  t.strictSame((await ask('/shop/')).json(), { consumer: 'customer' })
  t.match(await ask('/desk/'), { statusCode: 403, body: /FST_OIDC_CONSUMER_UNMAPPED/ }, 'known there too, and no consumer of that scope')
})
