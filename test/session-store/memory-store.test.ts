import t from 'tap'
import { createMemoryStore, createProcessCoordinator, freezeSession, type StoredSession } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'

t.test('a full store lets go of what ends soonest', async t => {
  const time = createManualClock()
  const store = createMemoryStore({ clock: time.now, maxSessions: 3 })
  const lives = [300, 100, 200, 400]
  const stored: StoredSession[] = []
  for (const life of lives) stored.push(await store.create(sampleSession(), time.now() + life))
  const alive = await Promise.all(stored.map(async ({ handle }) => await store.get(handle) !== null))
  t.same(alive, [true, false, true, true])
})

t.test('a full store lets go of what is over before anything that lives', async t => {
  const time = createManualClock()
  const store = createMemoryStore({ clock: time.now, maxSessions: 3 })
  const first = await store.create(sampleSession(), time.now() + 100)
  await store.create(sampleSession(), time.now() + 10)
  await store.create(sampleSession(), time.now() + 10)
  time.advance(20)
  const later = [await store.create(sampleSession(), time.now() + 200), await store.create(sampleSession(), time.now() + 200)]
  for (const { handle } of [first, ...later]) t.not(await store.get(handle), null)
})

t.test('an update or touch in a full store costs no other session', async t => {
  const time = createManualClock()
  const store = createMemoryStore({ clock: time.now, maxSessions: 2 })
  const first = await store.create(sampleSession(), time.now() + 100)
  const second = await store.create(sampleSession(), time.now() + 200)
  t.not(await store.update(second, second.session, time.now() + 300), null)
  t.not(await store.touch(second, time.now() + 400), null)
  t.not(await store.get(first.handle), null)
})

t.test('a session that was let go is not counted by a revocation', async t => {
  const store = createMemoryStore({ maxSessions: 2 })
  const session = sampleSession({ subject: 's' })
  for (let life = 1; life <= 5; life++) await store.create({ ...session, id: `id ${life}` }, session.issuedAt + life * 1000)
  t.equal(await store.revoke({ issuer: session.issuer, subject: 's' }, session.issuedAt), 2)
})

t.test('a renewal that brings another provider session is found by that one', async t => {
  const store = createMemoryStore()
  const stored = await store.create(sampleSession({ providerSessionId: 'old' }), Infinity)
  const { issuer, issuedAt } = stored.session
  await store.update(stored, { ...stored.session, providerSessionId: 'new' }, Infinity)
  t.equal(await store.revoke({ issuer, providerSessionId: 'old' }, issuedAt), 0)
  t.equal(await store.revoke({ issuer, providerSessionId: 'new' }, issuedAt), 1)
})

t.test('sessions are frozen all through, and the caller\'s are left as they are', async t => {
  const store = createMemoryStore()
  const session = sampleSession()
  const stored = await store.create(session, Infinity)
  t.notOk(Object.isFrozen(session) || Object.isFrozen(session.idTokenClaims))
  for (const { session: { idTokenClaims, cold }, ...rest } of [stored, await store.get(stored.handle)].filter(found => found !== null)) {
    for (const part of [idTokenClaims, idTokenClaims?.groups, idTokenClaims?.address, cold]) t.ok(Object.isFrozen(part))
    t.match(rest, { revision: 1 })
  }
})

t.test('an end that the coordinator heard of elsewhere ends sessions here', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  const store = createMemoryStore({ coordinator })
  const { handle, session } = await store.create(sampleSession(), Infinity)
  await coordinator.end({ issuer: session.issuer, subject: session.subject }, session.issuedAt, Infinity)
  t.equal(await store.get(handle), null)
  await store.close()
  t.equal(coordinator.hasEnded(session), true, 'the store does not close a coordinator that it was given')
})

t.test('claims may be nested as deep as a provider likes', async t => {
  let claims: Record<string, unknown> = { deepest: true }
  for (let depth = 0; depth < 200_000; depth++) claims = { claims }
  let inner: unknown = freezeSession(sampleSession({ idTokenClaims: claims })).idTokenClaims
  for (let depth = 0; depth < 200_000; depth++) inner = (inner as Record<string, unknown>).claims
  t.same(inner, { deepest: true })
  t.ok(Object.isFrozen(inner))
})

t.test('what was frozen in part is frozen all through, circles too', async t => {
  const claims: Record<string, unknown> = { inner: { list: [] } }
  claims.self = claims
  freezeSession(Object.freeze(sampleSession({ idTokenClaims: Object.freeze(claims) })))
  t.ok(Object.isFrozen((claims.inner as Record<string, unknown>).list))
})
