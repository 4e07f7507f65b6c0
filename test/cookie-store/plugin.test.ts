import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import cookieStore, { cookieStore as named, createCookieStore, optionsSchema } from 'fastify-oidc-cookie-store'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { sampleSession } from 'fastify-oidc-session-store/contract'

const secret = 'the secret of this test, long enough'
const END = Number.MAX_SAFE_INTEGER

function build (t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

t.test('it decorates the server with a store that keeps sessions', async t => {
  const app = build(t)
  await app.register(cookieStore, { session: { secret } })
  await app.ready()
  const stored = await app.oidcSessionStore.create(sampleSession(), END)
  t.equal(await app.oidcSessionStore.get(stored.handle), stored)
  t.match(app.oidcSessionStore, { name: 'cookie', revocable: true })
  t.equal(named, cookieStore)
})

t.test('its sessions are those of a store with the same secret and binding', async t => {
  const app = build(t)
  await app.register(cookieStore, { session: { secret, secret_fallbacks: ['a former secret, long enough'] }, binding: 'b' })
  const { handle } = await createCookieStore({ secret: 'a former secret, long enough', binding: 'b' }).create(sampleSession(), END)
  t.not(await app.oidcSessionStore.get(handle), null)
  const other = await createCookieStore({ secret }).create(sampleSession(), END)
  t.equal(await app.oidcSessionStore.get(other.handle), null)
})

t.test('two servers in one process agree on ends', async t => {
  const [first, second] = [build(t), build(t)]
  for (const app of [first, second]) await app.register(cookieStore, { session: { secret } })
  const stored = await first.oidcSessionStore.create(sampleSession(), END)
  t.not(await second.oidcSessionStore.get(stored.handle), null)
  await first.oidcSessionStore.destroy(stored)
  t.equal(await second.oidcSessionStore.get(stored.handle), null)
})

t.test('closing one server leaves another its ends', async t => {
  const [first, second] = [Fastify(), build(t)]
  for (const app of [first, second]) await app.register(cookieStore, { session: { secret } })
  const stored = await first.oidcSessionStore.create(sampleSession(), END)
  await first.oidcSessionStore.destroy(stored)
  await first.close()
  t.equal(await second.oidcSessionStore.get(stored.handle), null)
})

t.test('closing the server forgets what was opened', async t => {
  const app = Fastify()
  await app.register(cookieStore, { session: { secret } })
  const stored = await app.oidcSessionStore.create(sampleSession(), END)
  const store = app.oidcSessionStore
  await app.close()
  t.not(await store.get(stored.handle), stored)
})

t.test('a second store in one scope stops the boot', async t => {
  const app = build(t)
  await app.register(cookieStore, { session: { secret } })
  await t.rejects(async () => { await app.register(cookieStore, { session: { secret } }) }, { code: 'FST_OIDC_STORE_CONFLICT' })
})

t.test('a home-made store in the same scope stops the boot too', async t => {
  const app = build(t)
  app.decorate('oidcSessionStore', createCookieStore({ secret }))
  await t.rejects(async () => { await app.register(cookieStore, { session: { secret } }) }, { code: 'FST_OIDC_STORE_CONFLICT' })
})

t.test('a scope of its own may have its own store', async t => {
  const app = build(t)
  await app.register(cookieStore, { session: { secret } })
  await app.register(async scope => {
    await scope.register(cookieStore, { session: { secret: 'another secret, long enough' } })
    t.not(scope.oidcSessionStore, app.oidcSessionStore)
  })
  await app.ready()
})

t.test('wrong options stop the boot, all of them named at once', async t => {
  const app = build(t)
  await t.rejects(async () => { await app.register(cookieStore, { session: { secret: 'short', secretFallbacks: [], coordination: 'redis' }, bindings: 5 } as never) }, {
    code: 'FST_OIDC_OPTIONS_INVALID',
    message: /^fastify-oidc-cookie-store: invalid options\n/
  })
  const message = await Promise.resolve(build(t).register(cookieStore, { session: { secret: 'short', secretFallbacks: [], coordination: 'redis' }, bindings: 5 } as never)).then(() => '', (err: Error) => err.message)
  t.match(message, 'session.secret is too short: at least 16 characters')
  t.match(message, 'session.secretFallbacks is not a known option; did you mean secret_fallbacks?')
  t.match(message, 'bindings is not a known option; did you mean binding?')
  t.match(message, 'session.coordination is not a known option')
  t.notMatch(message, '"short"')
})

t.test('no options at all stop the boot', async t => {
  for (const options of [undefined, {}, { session: {} }, { session: null }]) {
    await t.rejects(async () => { await build(t).register(cookieStore, options as never) }, { code: 'FST_OIDC_OPTIONS_INVALID' })
  }
})

t.test('ends are agreed through the coordinator of the scope, where it has one', async t => {
  const coordinator = createProcessCoordinator()
  const app = build(t)
  app.decorate('oidcSessionCoordinator', coordinator)
  await app.register(cookieStore, { session: { secret } })
  const session = sampleSession()
  const { handle } = await app.oidcSessionStore.create(session, session.createdAt + 3600)
  t.ok(await app.oidcSessionStore.get(handle))
  await coordinator.end({ id: session.id }, session.createdAt, session.createdAt + 7200)
  t.equal(await app.oidcSessionStore.get(handle), null)
})

t.test('every option is described', async t => {
  for (const [name, { description }] of [...Object.entries(optionsSchema.properties), ...Object.entries(optionsSchema.properties.session.properties)]) t.ok(typeof description === 'string' && description.length > 5, name)
})
