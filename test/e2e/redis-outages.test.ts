import t, { type Test } from 'tap'
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import { login } from 'fastify-oidc-testing'
import { startCrowdProvider, type CrowdProvider } from '../faults/support/crowd-provider.ts'
import { signOut, startInstance, visit } from '../faults/support/instances.ts'
import { handleOf, isCleared, now, reissue, setCookies } from '../oidc/session-parts.ts'
import type { Application } from '../oidc/support.ts'
import { startStallingProxy } from '../redis-store/support/stalling-proxy.ts'
import { until } from '../support/redis-process.ts'
import { startRedis, type RedisServer, type RedisServerOptions } from '../support/redis-server.ts'

const PATIENCE = { connect_timeout: 500, read_timeout: 500 }

interface Scene {
  readonly redis: RedisServer
  readonly provider: CrowdProvider
  readonly at: Application
  readonly cookie: string
  another (redis?: Readonly<Record<string, unknown>>): Promise<Application>
}

async function scene (t: Test, options: RedisServerOptions = {}, password?: string): Promise<Scene> {
  const redis = await startRedis(t, options)
  const provider = await startCrowdProvider(t)
  const another = async (more: Readonly<Record<string, unknown>> = {}): Promise<Application> => await startInstance(t, provider, { redis: { port: redis.port, ...PATIENCE, ...password === undefined ? {} : { password }, ...more } })
  const at = await another()
  const { cookie } = await login(at.app)
  return { redis, provider, at, cookie, another }
}

/** An outage is told, and takes nothing from who has a session: neither his cookie nor his login. */
async function isOut (t: Test, at: Application, cookie: string): Promise<void> {
  for (const headers of [{ 'sec-fetch-mode': 'cors' }, { 'sec-fetch-mode': 'navigate', accept: 'text/html' }]) {
    const answer = await at.app.inject({ url: '/', headers: { cookie, ...headers } })
    t.equal(answer.statusCode, 503)
    t.match(answer.headers['retry-after'], /^\d+$/)
    t.same(setCookies(answer), [])
  }
}

async function isServed (t: Test, at: Application, cookie: string): Promise<void> {
  let answer = await visit(at, cookie)
  await until('it serves again', async () => {
    if (answer.statusCode === 503) answer = await visit(at, cookie)
    return answer.statusCode !== 503
  })
  t.equal(answer.statusCode, 200, 'the same session, and nobody was nobody in between')
}

function changes ({ log }: Application): unknown[] {
  return log.filter(({ oidc }) => String(oidc).startsWith('redis.')).map(({ oidc }) => oidc)
}

/** Each outage is told once, and its end; a busy machine may add one of its own. */
function isTold (t: Test, at: Application): void {
  const told = changes(at)
  t.ok(told.length > 0 && told.every((change, index) => change === (index % 2 === 0 ? 'redis.down' : 'redis.up')), told.join())
  t.equal(told.at(-1), 'redis.up')
}

async function dead (at: Application, cookie: string): Promise<string> {
  return await reissue(at.app, cookie, { accessTokenExpiresAt: now() - 60 })
}

t.test('a Redis that hangs', async t => {
  const { redis, at, cookie } = await scene(t)
  redis.pause()
  const startMs = performance.now()
  await Promise.all(Array.from({ length: 30 }, () => isOut(t, at, cookie)))
  t.ok(performance.now() - startMs < 20_000, 'nobody waits longer than the time-outs')
  t.equal((await signOut(at, cookie)).statusCode, 503, 'a logout that cannot be is not said to be')
  redis.resume()
  await isServed(t, at, cookie)
  isTold(t, at)
})

t.test('a Redis whose answers come too late, or not at all, over connections that stand', async t => {
  const { redis, another } = await scene(t)
  const proxy = await startStallingProxy(t, redis)
  const at = await another({ port: proxy.port })
  const { cookie } = await login(at.app)
  proxy.stallAnswers()
  await isOut(t, at, cookie)
  proxy.flow()
  proxy.cut()
  await isServed(t, at, cookie)
  isTold(t, at)
})

t.test('a Redis out of memory serves who is there; logins, renewals and moved ends wait for better times', async t => {
  const { redis, at, cookie } = await scene(t, { configuration: ['maxmemory-policy noeviction'] })
  const due = await dead(at, cookie)
  const ending = await login(at.app)
  const stored = await at.app.oidcSessionStore.get(ending.cookie.replace('oidc=', ''))
  if (stored === null) throw new Error('no session')
  await at.app.oidcSessionStore.touch(stored, now() + 60)
  await redis.command('CONFIG', 'SET', 'maxmemory', 1)
  t.equal((await visit(at, cookie)).statusCode, 200, 'reading needs no memory')
  await isOut(t, at, due)
  await isOut(t, at, ending.cookie)
  t.equal((await login(at.app)).response.status, 503, 'and who logs in is told')
  t.same(changes(at).filter(change => change === 'redis.refused').length, 1, 'one line, however many were refused')
  await redis.command('CONFIG', 'SET', 'maxmemory', 0)
  await isServed(t, at, due)
  await isServed(t, at, ending.cookie)
  t.equal((await signOut(at, due)).statusCode, 200)
})

t.test('a Redis that has become a read-only replica', async t => {
  const { redis, at, cookie } = await scene(t)
  const due = await dead(at, cookie)
  const master = await startRedis(t)
  await redis.command('CONFIG', 'SET', 'replica-read-only', 'yes')
  // Its master never answers, so that it keeps what it has.
  master.pause()
  await redis.command('REPLICAOF', '127.0.0.1', master.port)
  await isServed(t, at, cookie)
  await isOut(t, at, due)
  t.equal((await signOut(at, cookie)).statusCode, 503)
  t.equal((await visit(at, cookie)).statusCode, 200, 'and the session was not ended by halves')
  await redis.command('REPLICAOF', 'NO', 'ONE')
  master.resume()
  await isServed(t, at, due)
  t.equal((await signOut(at, cookie)).statusCode, 200)
  t.equal((await visit(at, cookie)).statusCode, 401)
})

t.test('a Redis that has forgotten its scripts is taught them, and nobody notices', async t => {
  const { redis, at, cookie } = await scene(t)
  const due = await dead(at, cookie)
  await redis.command('SCRIPT', 'FLUSH')
  for (const each of [due, cookie]) t.equal((await visit(at, each)).statusCode, 200)
  t.equal((await signOut(at, cookie)).statusCode, 200)
  t.same(changes(at), [])
})

t.test('connections that Redis kills in mid-command cost an answer at most, and no session', async t => {
  const { redis, at, cookie } = await scene(t)
  for (let turn = 0; turn < 5; turn++) {
    await redis.command('CLIENT', 'PAUSE', 50, 'ALL')
    const asked = Array.from({ length: 20 }, () => visit(at, cookie))
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    for (const answer of await Promise.all(asked)) {
      t.ok(answer.statusCode === 200 || answer.statusCode === 503, `${answer.statusCode}`)
      t.notOk(isCleared(answer))
    }
    await isServed(t, at, cookie)
  }
})

t.test('a Redis that comes back empty has logged everybody out, without an error', async t => {
  const { redis, at, cookie } = await scene(t)
  await redis.kill()
  await isOut(t, at, cookie)
  await redis.start()
  await until('it is back', async () => (await visit(at, cookie)).statusCode !== 503)
  t.equal((await visit(at, cookie)).statusCode, 401)
  const { response } = await login(at.app)
  t.equal(response.status, 200, 'and they log in again')
  isTold(t, at)
})

t.test('a password that was changed is told with the option to look at; with the right one all sessions are there', async t => {
  const { redis, at, cookie, another } = await scene(t, { password: 'the first' }, 'the first')
  await redis.command('CONFIG', 'SET', 'requirepass', 'the second')
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('the connection is gone', async () => (await visit(at, cookie)).statusCode === 503)
  await isOut(t, at, cookie)
  await until('it is told', async () => at.log.some(({ msg }) => /session\.redis\.password/.test(String(msg))))
  t.notMatch(JSON.stringify(at.log), /the (first|second)/)
  const other = await another({ password: 'the second' })
  t.equal((await visit(other, cookie)).statusCode, 200)
  await redis.command('CONFIG', 'SET', 'requirepass', 'the first')
  await isServed(t, at, cookie)
})

t.test('tokens that Redis could not take are kept until it does, and no other instance spends the refresh token again', async t => {
  const { redis, provider, at, cookie, another } = await scene(t)
  const other = await another()
  const due = await dead(at, cookie)
  provider.beforeToken = async () => { redis.pause() }
  const answer = await visit(at, due)
  t.equal(answer.statusCode, 503)
  t.match(answer.headers['retry-after'], /^\d+$/)
  t.same(setCookies(answer), [])
  provider.beforeToken = null
  redis.resume()
  await isServed(t, other, due)
  await isServed(t, at, due)
  t.same(provider.refreshes, { taken: 1, reused: 0 })
})

t.test('the same with sessions in cookies: the late tab and the other instance find the renewed session', async t => {
  const { redis, provider } = await scene(t)
  const options = { redis: { port: redis.port, ...PATIENCE }, session: { coordination: 'redis' } }
  const [at, other] = [await startInstance(t, provider, options), await startInstance(t, provider, options)]
  const due = await dead(at, (await login(at.app)).cookie)
  const { taken } = provider.refreshes
  provider.beforeToken = async () => { redis.pause() }
  t.equal((await visit(at, due)).statusCode, 503)
  provider.beforeToken = null
  redis.resume()
  await isServed(t, other, due)
  await isServed(t, at, due)
  t.same(provider.refreshes, { taken: taken + 1, reused: 0 })
})

t.test('a logout that no replica has acknowledged is refused; once it is answered, a failover does not undo it', async t => {
  const { redis, at, cookie, another } = await scene(t)
  const other = await another()
  const replica = await startRedis(t, { configuration: [`replicaof 127.0.0.1 ${redis.port}`, 'repl-diskless-sync-delay 0'] })
  await until('the replica is in step', async () => /^slave0:.*\bstate=online\b/m.test(String(await redis.command('INFO', 'replication'))))
  const raw = new Redis(redis.socket)
  t.teardown(() => { raw.disconnect() })
  const key = `sessions:${createHash('sha256').update(handleOf(cookie)).digest('base64url')}`
  const kept = await raw.getBuffer(key)
  replica.pause()
  const refused = await signOut(at, cookie)
  t.equal(refused.statusCode, 503)
  t.same(setCookies(refused), [])
  t.equal((await signOut(at, cookie)).statusCode, 200, 'it is gone, and nothing is left to wait for')
  // What a replica would bring back that takes over now.
  t.not(kept, null)
  await raw.set(key, kept ?? '')
  for (const each of [at, other, await another()]) t.equal((await visit(each, cookie)).statusCode, 401)
})
