import t from 'tap'
import type { FastifyInstance } from 'fastify'
import oidc, { type OidcPluginOptions } from 'fastify-oidc'
import { login } from 'fastify-oidc-testing'
import { createMemoryStore, sharedProcessCoordinator, StoreUnavailableError, type Session } from 'fastify-oidc-session-store'
import { createApplication, optionsFor, type Application } from './support.ts'
import { lyingProvider, movableClock, now, setCookies, storedOf } from './session-parts.ts'

const offline = { discovery: 'http://127.0.0.1:9/.well-known/openid-configuration', clientId: 'app', clientSecret: 'secret' }

/** Hears the ends of sessions, as a stream would. */
class Listener {
  readonly heard: string[] = []
  #wake = (): void => {}

  hear (name: string): void {
    this.heard.push(name)
    this.#wake()
  }

  async until (count: number): Promise<void> {
    // The timers of sessions keep no process alive, and here nothing else would.
    const alive = setInterval(() => {}, 1000)
    while (this.heard.length < count) await new Promise<void>(resolve => { this.#wake = resolve })
    clearInterval(alive)
  }
}

async function watching (t: Parameters<typeof createApplication>[0], options: OidcPluginOptions, prepare: (app: FastifyInstance) => void = () => {}): Promise<Application & { readonly listener: Listener, watch (cookie: string, name: string): Promise<number>, readonly off: Array<() => void> }> {
  const application = createApplication(t)
  const { app } = application
  prepare(app)
  await app.register(oidc, { ...options, unauth_action: 'deny' })
  const listener = new Listener()
  const off: Array<() => void> = []
  app.get('/', async () => 'answered')
  app.get('/watch/:name', { config: { oidc: { unauth_action: 'pass' } } }, async request => {
    const { name } = request.params as { name: string }
    off.push(app.oidc.onSessionEnd(request, () => { listener.hear(name) }))
    return 'watched'
  })
  return { ...application, listener, off, watch: async (cookie, name) => (await app.inject({ url: `/watch/${name}`, headers: { cookie } })).statusCode }
}

async function loginApp (t: Parameters<typeof createApplication>[0], provider: Awaited<ReturnType<typeof lyingProvider>>): Promise<FastifyInstance> {
  const { app } = createApplication(t)
  await app.register(oidc, optionsFor(provider))
  app.get('/', async () => 'answered')
  return app
}

t.test('a logout is heard once by each who listens to that session, and by nobody else', async t => {
  const provider = await lyingProvider(t)
  const { app, listener, watch } = await watching(t, optionsFor(provider))
  const cookie = await app.oidc.issueCookie({ subject: 'alice' })
  const other = await app.oidc.issueCookie({ subject: 'bob' })
  await watch(cookie, 'one')
  await watch(cookie, 'two')
  await watch(other, 'other')
  t.strictSame(listener.heard, [])
  await app.inject({ url: '/logout', headers: { cookie } })
  t.strictSame([...listener.heard].sort(), ['one', 'two'])
  await app.inject({ url: '/logout', headers: { cookie } })
  t.equal(listener.heard.length, 2)
})

t.test('who listens no more, or to nobody, hears nothing', async t => {
  const { app, listener, watch, off } = await watching(t, optionsFor(offline))
  const cookie = await app.oidc.issueCookie({})
  t.equal(await watch('', 'nobody'), 200)
  await watch(cookie, 'kept')
  await watch(cookie, 'dropped')
  off[0]?.()
  off[2]?.()
  off[2]?.()
  await app.oidc.revoke({ id: (await storedOf(app, cookie)).session.id })
  t.strictSame(listener.heard, ['kept'])
})

t.test('revoke ends the sessions of a subject, of a provider session, or one, and they are heard', async t => {
  const provider = await lyingProvider(t)
  const { app, listener, watch } = await watching(t, optionsFor(provider))
  await app.oidc.ready()
  const issue = async (change: Partial<Session>): Promise<string> => await app.oidc.issueCookie({ issuedAt: now() - 5, ...change })
  const cookies: Record<string, string> = {
    'alice 1': await issue({ subject: 'alice', providerSessionId: 's1' }),
    'alice 2': await issue({ subject: 'alice', providerSessionId: 's2' }),
    'bob 1': await issue({ subject: 'bob', providerSessionId: 's3' }),
    'bob 2': await issue({ subject: 'bob', providerSessionId: 's4' }),
    'carol 1': await issue({ subject: 'carol' }),
    'carol elsewhere': await issue({ subject: 'alice', issuer: 'https://another.example' })
  }
  for (const [name, cookie] of Object.entries(cookies)) t.equal(await watch(cookie, name), 200)
  const alive = async (): Promise<string[]> => {
    const statuses = await Promise.all(Object.entries(cookies).map(async ([name, cookie]) => [name, (await app.inject({ url: '/', headers: { cookie } })).statusCode] as const))
    return statuses.filter(([, status]) => status === 200).map(([name]) => name)
  }
  t.equal((await alive()).length, 6)
  t.equal(await app.oidc.revoke({ sub: 'alice' }), null, 'sessions in browsers cannot be counted')
  t.strictSame(await alive(), ['bob 1', 'bob 2', 'carol 1', 'carol elsewhere'])
  await app.oidc.revoke({ sid: 's3' })
  t.strictSame(await alive(), ['bob 2', 'carol 1', 'carol elsewhere'])
  await app.oidc.revoke({ id: (await storedOf(app, cookies['carol 1'] ?? '')).session.id })
  t.strictSame(await alive(), ['bob 2', 'carol elsewhere'])
  t.strictSame(listener.heard, ['alice 1', 'alice 2', 'bob 1', 'carol 1'])
})

t.test('a login after a revocation lives', async t => {
  const provider = await lyingProvider(t)
  const { app } = await watching(t, optionsFor(provider))
  await app.oidc.ready()
  const before = await app.oidc.issueCookie({ subject: 'dora', issuedAt: now() - 1 })
  await app.oidc.revoke({ sub: 'dora' })
  t.equal((await app.inject({ url: '/', headers: { cookie: before } })).statusCode, 401)
  const after = await app.oidc.issueCookie({ subject: 'dora', issuedAt: now() + 1 })
  t.equal((await app.inject({ url: '/', headers: { cookie: after } })).statusCode, 200)
})

t.test('with a store that keeps sessions, revoke says how many', async t => {
  const store = createMemoryStore({ coordinator: sharedProcessCoordinator() })
  const { app, listener, watch } = await watching(t, optionsFor(offline), app => { app.decorate('oidcSessionStore', store) })
  const cookie = await app.oidc.issueCookie({ issuedAt: now() - 5 })
  t.match(cookie, /^oidc=[\w-]{43}$/, 'a handle, and nothing else')
  t.equal(await watch(cookie, 'one'), 200)
  t.equal(await app.oidc.revoke({ id: (await storedOf(app, cookie)).session.id }), 1)
  t.strictSame(listener.heard, ['one'])
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 401)
})

t.test('the end by time is heard, and use puts it off', async t => {
  const { app, listener, watch } = await watching(t, optionsFor(offline, { session: { secret: 'a secret of more than thirty-two bytes', cookie: { lifetime: 4 } } }))
  const [quiet, used] = [await app.oidc.issueCookie({}), await app.oidc.issueCookie({})]
  await watch(quiet, 'quiet')
  await watch(used, 'used')
  let cookie = used
  const use = setInterval(() => {
    app.inject({ url: '/', headers: { cookie } }).then(answer => { cookie = setCookies(answer)[0]?.split(';')[0] ?? cookie }, () => {})
  }, 300)
  t.teardown(() => { clearInterval(use) })
  await listener.until(1)
  t.strictSame(listener.heard, ['quiet'])
  t.equal((await app.inject({ url: '/', headers: { cookie } })).statusCode, 200)
  clearInterval(use)
  await listener.until(2)
  t.strictSame(listener.heard, ['quiet', 'used'])
})

t.test('the end by time is heard when the second begins in which the session is over', async t => {
  const { app, listener, watch } = await watching(t, { ...optionsFor(offline), session: { secret: 'a secret of more than thirty-two bytes, for tests', cookie: { lifetime: 1 } } } as OidcPluginOptions)
  const late = async (): Promise<number> => {
    // Late in a second, where a timer of whole seconds would be late by as much.
    await new Promise(resolve => { setTimeout(resolve, 1800 - Date.now() % 1000) })
    const heard = listener.heard.length
    const end = now() + 1
    await watch(await app.oidc.issueCookie({ subject: 'alice' }), 'stream')
    // On a busy machine the session may be over before anybody listens.
    await Promise.race([listener.until(heard + 1), new Promise(resolve => { setTimeout(resolve, 3000) })])
    return Date.now() - end * 1000
  }
  // A busy machine is late now and then; a timer of whole seconds is late each time.
  const lates: number[] = []
  while (!lates.some(ms => ms >= 0 && ms < 600) && lates.length < 8) lates.push(await late())
  t.ok(lates.some(ms => ms >= 0 && ms < 600), `${lates.join(', ')} ms after its end`)
})

t.test('use at another instance puts the end off, and an outage of the store at that moment is no end', async t => {
  const shared = createMemoryStore()
  let [isDown, asked] = [false, (): void => {}]
  const outage = new Promise<void>(resolve => { asked = resolve })
  const store = {
    ...shared,
    async get (handle: string) {
      if (!isDown) return await shared.get(handle)
      asked()
      throw new StoreUnavailableError()
    }
  }
  const { app, listener, watch } = await watching(t, optionsFor(offline, { session: { secret: 'a secret of more than thirty-two bytes', cookie: { lifetime: 2 } } }), app => { app.decorate('oidcSessionStore', store) })
  const cookie = await app.oidc.issueCookie({})
  const stored = await shared.get(cookie.slice('oidc='.length))
  if (stored === null) throw new Error('no session')
  t.equal(await watch(cookie, 'stream'), 200)
  const end = now() + 4
  await shared.touch(stored, end)
  isDown = true
  const alive = setInterval(() => {}, 1000)
  await outage
  clearInterval(alive)
  t.strictSame(listener.heard, [], 'its own time is over, and nobody can say whether it is the end')
  isDown = false
  await listener.until(1)
  t.ok(now() >= end, 'the end is that of the other instance')
  t.equal(await shared.get(stored.handle), null)
})

t.test('a refused renewal ends streams of the session too, whatever the store', async t => {
  const provider = await lyingProvider(t)
  for (const prepare of [() => {}, (app: FastifyInstance) => { app.decorate('oidcSessionStore', createMemoryStore()) }]) {
    provider.lie()
    const { app, listener, watch } = await watching(t, optionsFor(provider), prepare)
    const { cookie } = await login(await loginApp(t, provider))
    const { session } = await storedOf(await loginApp(t, provider), cookie)
    const alive = await app.oidc.issueCookie({ ...session, accessTokenExpiresAt: now() + 2 })
    t.equal(await watch(alive, 'stream'), 200)
    const clock = movableClock(t)
    clock.advance(5)
    provider.lie({ failures: { refresh: 'invalid_grant' } })
    t.equal((await app.inject({ url: '/', headers: { cookie: alive } })).statusCode, 401)
    t.strictSame(listener.heard, ['stream'])
  }
})
