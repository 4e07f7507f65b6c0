import t from 'tap'
import { appendFileSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import Fastify from 'fastify'
import oidc from 'fastify-oidc'
import forwardAuth from 'fastify-oidc-forward-auth'
import { until } from '../support/redis-process.ts'
import { createApplication, optionsFor } from '../oidc/support.ts'
import { basic, BCRYPT, cookieOf, FETCH, guarded, OTHER_BCRYPT, PASSWORD, passwordFile, send, SHA } from './htpasswd-parts.ts'
import { OFFLINE, statusOf } from './parts.ts'

t.test('who is taken out of the file, or has another password, is out at once', async t => {
  const { app, file, log } = await guarded(t, { basic: true })
  const cookies = { alice: '', bob: '' }
  for (const name of ['alice', 'bob'] as const) {
    cookies[name] = cookieOf(await send(app, { username: name, password: PASSWORD }))
    t.equal(await statusOf(app, '/who', { ...basic(name, PASSWORD), ...FETCH }), 200)
  }
  const passes = async (headers: Record<string, string>): Promise<boolean> => await statusOf(app, '/who', { ...headers, ...FETCH }) === 200
  const reads = (): number => log.filter(line => line.oidc === 'htpasswd.read').length
  writeFileSync(`${file}.new`, `bob:${SHA}\ncarol:${BCRYPT}\n`)
  renameSync(`${file}.new`, file)
  await until('the new file', async () => reads() === 1)
  t.strictSame([await passes({ cookie: cookies.alice }), await passes(basic('alice', PASSWORD))], [false, false])
  t.match((await app.inject({ url: '/oauth2/auth', headers: { cookie: cookies.alice } })), { statusCode: 401, headers: { 'set-cookie': /Max-Age=0/ } })
  t.strictSame([await passes({ cookie: cookies.bob }), await passes(basic('bob', PASSWORD)), await passes(basic('carol', PASSWORD))], [true, true, true])
  writeFileSync(file, `bob:${OTHER_BCRYPT}\n`)
  await until('the file that was written over', async () => reads() === 2)
  t.strictSame([await passes({ cookie: cookies.bob }), await passes(basic('bob', PASSWORD)), await passes(basic('bob', 'battery staple'))], [false, false, true], 'a session ends with the password that it was made with')
})

t.test('a file that breaks, or goes, leaves what it said before, with one line each time', async t => {
  const folder = dirname(passwordFile(t))
  for (const version of ['1', '2']) {
    mkdirSync(join(folder, version))
    writeFileSync(join(folder, version, 'users'), version === '1' ? `alice:${SHA}\n` : `bob:${SHA}\n`)
  }
  symlinkSync('1', join(folder, 'data'))
  const { app, log } = await guarded(t, { basic: true, file: join(folder, 'data', 'users') })
  const passes = async (name: string): Promise<boolean> => await statusOf(app, '/who', { ...basic(name, PASSWORD), ...FETCH }) === 200
  const broken = (): ReadonlyArray<Record<string, unknown>> => log.filter(line => line.oidc === 'htpasswd.broken')
  appendFileSync(join(folder, '1', 'users'), 'mallory:$apr1$salt$hash\n')
  await until('the line', async () => broken().length === 1)
  t.match(broken()[0], { level: 50, err: { message: /^line 2: the hash is neither bcrypt/ } })
  t.notMatch(JSON.stringify(log), /mallory|apr1/)
  t.ok(await passes('alice'))
  unlinkSync(join(folder, '1', 'users'))
  await until('another line', async () => broken().length === 2)
  t.ok(await passes('alice'))
  symlinkSync('2', join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'data'))
  await until('the link that leads elsewhere', async () => log.some(line => line.oidc === 'htpasswd.read'))
  t.strictSame([await passes('alice'), await passes('bob')], [false, true])
  t.equal(broken().length, 2)
})

t.test('a file that cannot be used stops the boot, and every line of it is named', async t => {
  const boot = async (file: string): Promise<unknown> => {
    const { app } = createApplication(t)
    await app.register(oidc, optionsFor(OFFLINE, { redirect_uri: '/oauth2/callback' }))
    return await app.register(forwardAuth, { htpasswd: { file } })
  }
  const lines: Record<string, RegExp> = {
    'alice:$apr1$salt$abcdefghijklmnopqrstuv': /line 1: the hash is neither/,
    'alice:secret': /line 1: the hash is neither/,
    'alice:': /line 1: the hash is neither/,
    'alice:{SSHA}L55TUjtiq8FBorTWAZ0jy6g129A=': /line 1: the hash is neither/,
    [`alice:${BCRYPT}x`]: /line 1: the hash is neither/,
    [`alice:${BCRYPT}:Alice`]: /line 1: the hash is neither/,
    [`alice:${BCRYPT.replace('$05$', '$31$')}`]: /line 1: the cost of bcrypt/,
    [`alice:${BCRYPT.replace('$05$', '$03$')}`]: /line 1: the cost of bcrypt/,
    alice: /line 1: there is no colon/,
    [`:${BCRYPT}`]: /line 1: the name is empty/,
    [`a\tb:${BCRYPT}`]: /line 1: the name is empty, has control characters/,
    [`# two\nalice:${BCRYPT}\nbob:x\nalice:${SHA}`]: /line 3: .*; line 4: the name stands on line 2 already/
  }
  for (const [text, message] of Object.entries(lines)) {
    await t.rejects(boot(passwordFile(t, text)), { code: 'FST_OIDC_OPTIONS_INVALID', message }, text.slice(0, 20))
    await boot(passwordFile(t, text)).catch((error: Error) => { t.notMatch(error.message, /zUrmo|apr1|secret|alice/, 'and nothing of what stands there is told') })
  }
  await t.rejects(boot('/does/not/exist'), { message: /htpasswd\.file cannot be used: ENOENT/ })
  await t.rejects(boot('/'), { message: /htpasswd\.file cannot be used: EISDIR/ })
  const file = passwordFile(t)
  writeFileSync(file, Buffer.from([0x61, 0xff, 0x3a]))
  await t.rejects(boot(file), { message: /htpasswd\.file cannot be used/ })
})

t.test('one core has one file of users, and a session of users that are gone is nobody’s', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  const settings = optionsFor(OFFLINE, { redirect_uri: '/oauth2/callback' })
  await app.register(oidc, settings)
  await t.rejects(async () => { await app.oidc.establish({} as never, {} as never, { user: 'a', groups: [], stamp: '' }) }, { code: 'FST_OIDC_LOCAL_USERS_MISSING' })
  await app.register(forwardAuth, { htpasswd: { file: passwordFile(t) } })
  await t.rejects(async () => { await app.register(async scope => { await scope.register(forwardAuth, { prefix: '/oauth2', htpasswd: { file: passwordFile(t) } }) }) }, { code: 'FST_OIDC_LOCAL_USERS_TAKEN' })
  const { app: before } = await guarded(t)
  const cookie = cookieOf(await send(before, { username: 'alice', password: PASSWORD }))
  t.equal(await statusOf(before, '/oauth2/auth', { cookie }), 202)
  const { app: after } = createApplication(t)
  await after.register(oidc, settings)
  await after.register(forwardAuth)
  t.equal(await statusOf(after, '/oauth2/auth', { cookie }), 401, 'with the option left out, they are out')
  const bearer = Fastify()
  t.teardown(async () => { await bearer.close() })
  await bearer.register(oidc, { ...settings, bearer_only: true, use_jwks: true, audience: 'x' } as never)
  t.throws(() => { bearer.oidc.useLocalUsers({ isCurrent: () => true }) }, { code: 'FST_OIDC_BEARER_ONLY' })
})
