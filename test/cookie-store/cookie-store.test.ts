import { randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { createCookieStore } from 'fastify-oidc-cookie-store'
import { createProcessCoordinator, createSealer, type SessionStore } from 'fastify-oidc-session-store'
import { createManualClock, sampleSession } from 'fastify-oidc-session-store/contract'

const secret = 'the first secret of this test'
const END = Number.MAX_SAFE_INTEGER
const second = 'the second secret of this test'

/** A handle that is sealed as the store's own, with whatever inside. */
function sealHandle (plain: Buffer, purpose = 'session', binding = ''): string {
  return createSealer({ secret, purpose, binding }).seal(plain).toString('base64url')
}

async function opens (store: SessionStore, handle: string): Promise<boolean> {
  return await store.get(handle) !== null
}

t.test('a cookie that was copied before the logout is dead after it, on every store of the coordinator', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  const here = createCookieStore({ secret, coordinator })
  const there = createCookieStore({ secret, coordinator })
  const stored = await here.create(sampleSession(), END)
  const touched = await here.touch(stored, END)
  const updated = await here.update(stored, { ...stored.session, accessToken: 'renewed' }, END)
  const copies = [stored, touched, updated].map(copy => copy?.handle ?? '')
  t.ok(await opens(there, copies[2] ?? ''), 'opened and remembered there before')

  await here.destroy(stored)
  for (const store of [here, there]) for (const copy of copies) t.equal(await store.get(copy), null)
})

t.test('without a coordinator it says that nothing can end a session', async t => {
  const store = createCookieStore({ secret })
  t.equal(store.revocable, false)
  t.equal(createCookieStore({ secret, coordinator: createProcessCoordinator() }).revocable, true)
  await t.rejects(store.revoke({ id: 'any' }, 0), { code: 'FST_OIDC_STORE_NOT_REVOCABLE' })
})

t.test('an end is remembered for the longest life of a session', async t => {
  for (const [absoluteTimeout, life] of [[1000, 1000], [0, 400 * 86400], [undefined, 86400]] as const) {
    const time = createManualClock()
    const coordinator = createProcessCoordinator({ clock: time.now })
    const store = createCookieStore({ secret, coordinator, clock: time.now, absoluteTimeout })
    const destroyed = await store.create(sampleSession(), END)
    const revoked = await store.create(sampleSession(), END)
    await store.destroy(destroyed)
    await store.revoke({ issuer: revoked.session.issuer, subject: revoked.session.subject }, time.now())
    time.advance(life - 1)
    for (const { handle, session } of [destroyed, revoked]) {
      t.equal(coordinator.hasEnded(session), true)
      t.equal(await store.get(handle), null)
    }
    time.advance(1)
    for (const { session } of [destroyed, revoked]) t.equal(coordinator.hasEnded(session), false)
    await coordinator.close()
  }
})

t.test('an end tells those who listen at the coordinator', async t => {
  const coordinator = createProcessCoordinator()
  t.teardown(() => coordinator.close())
  const store = createCookieStore({ secret, coordinator })
  const heard: unknown[] = []
  coordinator.onEnded(target => { heard.push(target) })
  const { session, ...rest } = await store.create(sampleSession(), END)
  await store.destroy({ session, ...rest })
  await store.revoke({ issuer: 'i', subject: 's' }, 5)
  t.same(heard, [{ id: session.id }, { issuer: 'i', subject: 's' }])
})

t.test('secrets rotate without a logout', async t => {
  const old = await createCookieStore({ secret }).create(sampleSession(), END)
  const swapped = createCookieStore({ secret: second, fallbacks: [secret] })
  const found = await swapped.get(old.handle)
  t.same(found?.session, old.session)
  const renewed = found === null ? null : await swapped.touch(found, END)
  const after = createCookieStore({ secret: second })
  t.ok(await opens(after, renewed?.handle ?? ''), 'what was sealed again is under the new secret')
  t.notOk(await opens(after, old.handle), 'the old secret is gone')
  t.ok(await opens(createCookieStore({ secret, fallbacks: [second] }), renewed?.handle ?? ''), 'an instance that waits for the swap opens it')
})

t.test('a session is worthless at another binding, secret or purpose', async t => {
  const { handle } = await createCookieStore({ secret, binding: 'a' }).create(sampleSession(), END)
  t.ok(await opens(createCookieStore({ secret, binding: 'a' }), handle))
  t.notOk(await opens(createCookieStore({ secret, binding: 'b' }), handle))
  t.notOk(await opens(createCookieStore({ secret }), handle))
  t.notOk(await opens(createCookieStore({ secret: second, binding: 'a' }), handle))
  const plain = Buffer.concat([Buffer.of(1), Buffer.from(JSON.stringify({ session: sampleSession(), revision: 1, expiry: END }))])
  t.ok(await opens(createCookieStore({ secret }), sealHandle(plain)), 'the layout is this')
  t.notOk(await opens(createCookieStore({ secret }), sealHandle(plain, 'transaction')))
})

t.test('what compresses is compressed, what does not is left as it is', async t => {
  const store = createCookieStore({ secret, maxOpenedSessions: 0 })
  const chatty = await store.create(sampleSession({ userinfo: { text: 'the same again and '.repeat(1000) } }), END)
  t.ok(chatty.handle.length < 6000, `${chatty.handle.length} characters`)
  t.same((await store.get(chatty.handle))?.session, chatty.session)

  const random = sampleSession({ accessToken: String.fromCharCode(...Array.from(randomBytes(3000), byte => 32 + byte % 95)) })
  const dense = await store.create(random, END)
  t.ok(dense.handle.length < JSON.stringify(random).length * 4 / 3 + 150, `${dense.handle.length} characters`)
  t.same((await store.get(dense.handle))?.session, random)
})

t.test('a seal of ours with another layout inside is no session', async t => {
  const store = createCookieStore({ secret })
  const json = Buffer.from(JSON.stringify({ session: sampleSession(), revision: 1, expiry: END }))
  for (const layout of [0, 3, 0x7b, 0xff]) t.notOk(await opens(store, sealHandle(Buffer.concat([Buffer.of(layout), json]))))
  t.notOk(await opens(store, sealHandle(Buffer.alloc(0))))
  t.ok(await opens(store, sealHandle(Buffer.concat([Buffer.of(2), deflateRawSync(json)]))))
})

t.test('a session too large to open again has a handle too long for any cookie', async t => {
  const store = createCookieStore({ secret })
  const { handle } = await store.create(sampleSession({ userinfo: { text: 'a'.repeat(2 ** 20) } }), END)
  t.ok(handle.length > 2 ** 20)
})

t.test('only the one canonical spelling of a handle opens', async t => {
  const store = createCookieStore({ secret, maxOpenedSessions: 0 })
  for (let length = 0; length < 3; length++) {
    const { handle } = await store.create(sampleSession({ accessToken: randomBytes(30).toString('base64url') + 'a'.repeat(length) }), END)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n%'
    const same: string[] = []
    for (const last of alphabet) if (await opens(store, handle.slice(0, -1) + last)) same.push(last)
    t.same(same, [handle.at(-1)])
    const spellings = [Buffer.from(handle, 'base64url').toString('base64'), `${handle}=`, `${handle}==`, `${handle}\n`, `${handle.slice(0, 20)}\n${handle.slice(20)}`, `${handle.slice(0, 20)}.${handle.slice(20)}`, `${handle}A`]
    for (const spelling of spellings) if (spelling !== handle) t.notOk(await opens(store, spelling))
  }
})

t.test('touch keeps the revision and gives a new handle', async t => {
  const store = createCookieStore({ secret })
  const stored = await store.create(sampleSession(), END)
  const updated = await store.update(stored, stored.session, END)
  const touched = updated === null ? null : await store.touch(updated, END - 1)
  t.match([stored.revision, updated?.revision, touched?.revision], [1, 2, 2])
  t.equal(new Set([stored.handle, updated?.handle, touched?.handle]).size, 3)
})

t.test('a listing is refused, whoever asks', async t => {
  await t.rejects(async () => {
    for await (const summary of createCookieStore({ secret }).inspect('all')) t.fail(summary.id)
  }, { code: 'FST_OIDC_STORE_NOT_INSPECTABLE' })
})
