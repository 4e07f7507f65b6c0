import t from 'tap'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { login } from 'fastify-oidc-testing'
import { startCrowdProvider } from '../faults/support/crowd-provider.ts'
import { sendLogout, signOut, startInstance, visit } from '../faults/support/instances.ts'
import { handleOf, now, reissue, storedOf } from '../oidc/session-parts.ts'
import { SECRET, type Application } from '../oidc/support.ts'
import { dumpRedis, readable } from '../redis-store/support/redis-dump.ts'
import { startRedis } from '../support/redis-server.ts'

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }

/** MONITOR spells what is no text: `\x00`, `\n`. */
function spellOut (monitored: Buffer): Buffer {
  const text = monitored.toString('latin1').replace(/\\(?:x([\da-f]{2})|(.))/g, (_all, hex: string | undefined, letter: string) => hex === undefined ? ESCAPES[letter] ?? letter : String.fromCharCode(parseInt(hex, 16)))
  return Buffer.from(text, 'latin1')
}

t.test('neither what Redis holds, nor what it is told, nor what is said over it shows who is there or with what', async t => {
  const redis = await startRedis(t)
  const provider = await startCrowdProvider(t)
  const raw = new Redis(redis.socket)
  const ear = new Redis(redis.socket)
  t.teardown(() => {
    raw.disconnect()
    ear.disconnect()
  })
  const heard: Buffer[] = []
  ear.on('pmessageBuffer', (_pattern: Buffer, channel: Buffer, payload: Buffer) => { heard.push(channel, payload) })
  await ear.psubscribe('*')
  const monitor = connect(redis.socket)
  t.teardown(() => { monitor.destroy() })
  const monitored: Buffer[] = []
  monitor.on('data', (chunk: Buffer) => { monitored.push(chunk) })
  monitor.write('MONITOR\r\n')
  await once(monitor, 'data')

  const options = { redis: { port: redis.port } }
  const [a, b, c] = [await startInstance(t, provider, options), await startInstance(t, provider, options), await startInstance(t, provider, { ...options, session: { coordination: 'redis' } })]
  const secrets = new Set([SECRET, provider.clientSecret])
  const enter = async (at: Application): Promise<string> => {
    const { cookie } = await login(at.app)
    const { session } = await storedOf(at.app, cookie)
    for (const text of [handleOf(cookie), session.id, session.subject, session.providerSessionId ?? '']) secrets.add(text)
    return cookie
  }
  const renew = async (at: Application, cookie: string): Promise<string> => {
    const dead = await reissue(at.app, cookie, { accessTokenExpiresAt: now() - 60 })
    secrets.add(handleOf(dead))
    t.equal((await visit(at, dead)).statusCode, 200)
    return dead
  }
  const cookies: string[] = []
  for (let turn = 0; turn < 6; turn++) cookies.push(await enter(turn % 2 === 0 ? a : b))
  const renewed = await Promise.all(cookies.slice(0, 4).map(cookie => renew(b, cookie)))
  const late = await renew(c, await enter(c))
  t.equal((await visit(c, late)).statusCode, 200, 'a late tab is answered by the result that lies in Redis')
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = [...renewed.slice(0, 4), ...cookies.slice(4)]
  const { session: { subject, providerSessionId } } = await storedOf(a.app, second)
  const { session: { subject: other } } = await storedOf(a.app, third)
  t.equal((await signOut(a, first)).statusCode, 200)
  t.equal((await sendLogout(b, await provider.logoutToken({ sub: subject, sid: providerSessionId }))).statusCode, 200)
  t.equal((await sendLogout(b, await provider.logoutToken({ sub: other }))).statusCode, 200)
  t.equal(await a.app.oidc.revoke({ id: (await storedOf(a.app, fifth)).session.id }), 1)
  t.strictSame(await Promise.all([first, second, third, fourth, fifth].map(async cookie => (await visit(b, cookie)).statusCode)), [401, 401, 401, 200, 401])

  for (const text of provider.issued) secrets.add(text)
  const all = [...secrets, 'mail.example', 'access-', 'refresh-', 'subject-', 'eyJhbGciOi']
  const traffic = async (mark: string): Promise<Buffer> => {
    while (!Buffer.concat(monitored).includes(mark)) {
      await raw.echo(mark)
      await setImmediate()
    }
    return spellOut(Buffer.concat(monitored))
  }
  const dump = await dumpRedis(raw)
  t.ok(secrets.size > 60)
  t.ok(dump.length > 5000)
  t.ok(heard.length > 6, 'and there was something to hear')
  t.same(readable(dump, all), [])
  t.same(readable(await traffic('the end'), all), [])
  t.same(readable(Buffer.concat(heard), all), [])

  const [planted = ''] = provider.issued.filter(text => text.startsWith('refresh-'))
  await raw.hset('sessions:planted', { hot: Buffer.from(handleOf(fourth), 'base64url'), cold: `--${planted}--` })
  t.same(readable(await dumpRedis(raw), [planted, handleOf(fourth)]), [planted, handleOf(fourth)], 'what is there is found')
  t.same(readable(await traffic('another end'), [planted, handleOf(fourth)]), [planted, handleOf(fourth)], 'in the traffic too')
})
