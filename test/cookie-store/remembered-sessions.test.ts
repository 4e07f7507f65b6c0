import t from 'tap'
import { createCookieStore } from 'fastify-oidc-cookie-store'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'

const secret = 'the secret of this test, long enough'
const END = Number.MAX_SAFE_INTEGER

/** Another string with the same characters, as each request brings one. */
function respell (handle: string): string {
  return Buffer.from(handle).toString()
}

t.test('a handle that was seen before gives the very same session', async t => {
  const store = createCookieStore({ secret })
  const created = await store.create(sampleSession(), END)
  const found = await store.get(respell(created.handle))
  t.equal(found, created)
  t.equal((await store.get(respell(created.handle)))?.session, created.session)

  const other = createCookieStore({ secret })
  const first = await other.get(created.handle)
  t.equal(await other.get(respell(created.handle)), first)
  t.same(first, created)
})

t.test('what requests share, none of them can change', async t => {
  const store = createCookieStore({ secret })
  const fresh = sampleSession({ userinfo: { list: [{ deep: [1] }] } })
  const { handle } = await store.create(fresh, END)
  t.notOk(Object.isFrozen(fresh) || Object.isFrozen(fresh.idTokenClaims), 'the caller\'s object is its own')
  const reread = createCookieStore({ secret })
  for (const stored of [await store.get(handle), await reread.get(handle)]) {
    if (stored === null) { t.fail('gone'); continue }
    const { session } = stored
    const list = session.userinfo?.list as Array<{ deep: number[] }>
    t.throws(() => { (session.idTokenClaims as Record<string, unknown>).email = 'root@example.com' }, TypeError)
    t.throws(() => { (session.idTokenClaims?.groups as string[]).push('admins') }, TypeError)
    t.throws(() => { list[0]?.deep.push(2) }, TypeError)
    t.throws(() => { (session.cold as { refreshToken: string }).refreshToken = 'x' }, TypeError)
    t.throws(() => { (session as { subject: string }).subject = 'x' }, TypeError)
    t.throws(() => { (stored as { expiresAt: number }).expiresAt = 0 }, TypeError)
    t.throws(() => { delete (session.idTokenClaims as Record<string, unknown>).sub }, TypeError)
  }
  t.same((await store.get(handle))?.session, fresh)
})

t.test('a remembered session is still over at its end', async t => {
  const time = createManualClock()
  const store = createCookieStore({ secret, clock: time.now })
  const { handle } = await store.create(sampleSession(), time.now() + 100)
  t.not(await store.get(handle), null)
  time.advance(100)
  t.equal(await store.get(handle), null)
  t.equal(await store.get(handle), null)
})

t.test('a remembered session is over as soon as it is ended, whether the coordinator answers at once or later', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  for (const hasEnded of [coordinator.hasEnded, async (...[session]: Parameters<typeof coordinator.hasEnded>) => coordinator.hasEnded(session)]) {
    const store = createCookieStore({ secret, coordinator: { ...coordinator, hasEnded } })
    const { handle, session } = await store.create(sampleSession(), END)
    t.not(await store.get(handle), null)
    await coordinator.end({ id: session.id }, 0, END)
    t.equal(await store.get(handle), null)
    t.equal(await store.get(handle), null)
  }
})

t.test('a coordinator that cannot be reached is an error, not an anonymous caller', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  const store = createCookieStore({ secret, coordinator: { ...coordinator, hasEnded: async () => { throw new Error('unreachable') } } })
  const stored = await store.create(sampleSession(), END)
  await t.rejects(store.get(stored.handle), { message: 'unreachable' })
  await t.rejects(store.update(stored, stored.session, END), { message: 'unreachable' })
  await t.rejects(store.touch(stored, END), { message: 'unreachable' })
})

t.test('a forged handle with the end of a remembered one is not taken for it', async t => {
  const store = createCookieStore({ secret })
  const { handle } = await store.create(sampleSession(), END)
  const tail = handle.slice(-22)
  for (const forged of [tail, `A${tail}`, `${handle.slice(0, 40).split('').reverse().join('')}${handle.slice(40)}`, handle.slice(1), `A${handle}`, 'A'.repeat(handle.length - 22) + tail]) {
    t.equal(await store.get(forged), null)
  }
  t.not(await store.get(handle), null, 'and the remembered one is still there')
})

t.test('close forgets what was opened', async t => {
  const store = createCookieStore({ secret })
  const created = await store.create(sampleSession(), END)
  await store.close()
  const found = await store.get(created.handle)
  t.not(found, created)
  t.same(found, created)
})

t.test('forged handles are not remembered', async t => {
  const store = createCookieStore({ secret, maxOpenedSessions: 2 })
  const created = await store.create(sampleSession(), END)
  for (let turn = 0; turn < 100; turn++) await store.get(`${turn}`.padEnd(created.handle.length, 'A'))
  t.equal(await store.get(created.handle), created)
})
