import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Session } from '../session.ts'
import { sampleSession } from './sample-session.ts'
import { assertAlive, LIFETIME, storeCase, type StoreCase } from './store-scene.ts'

const MEGABYTE = 2 ** 20
// Enough for a slow machine, too little for work that grows faster than the handle.
const QUICK_MS = 3000

const FORGED: readonly string[] = [
  '', ' ', '.', 'a', '=', '_', '-', '\0', '\r\n', 'null', 'undefined', '{}', '[]', '*', '../../etc/passwd', '%00', 'x'.repeat(43), 'A'.repeat(64),
  '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', 'length',
  randomBytes(32).toString('base64url'), randomBytes(32).toString('base64'), randomBytes(32).toString('hex'), randomBytes(4000).toString('base64url'),
  String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code)), '\ud800', '😀'.repeat(20), '１２３',
  'A'.repeat(MEGABYTE), '\0'.repeat(MEGABYTE), '{"a":'.repeat(MEGABYTE / 5), randomBytes(MEGABYTE).toString('base64url')
]

/** Places of a handle whose change is tried: all of a short one, a spread of a long one, always both ends. */
function places (handle: string): number[] {
  const step = Math.max(1, Math.floor(handle.length / 150))
  return Array.from({ length: handle.length }, (_, place) => place).filter(place => place % step === 0 || place > handle.length - 30)
}

function changeAt (handle: string, place: number): string {
  return `${handle.slice(0, place)}${handle[place] === 'A' ? 'B' : 'A'}${handle.slice(place + 1)}`
}

/** What of a session may not be readable in its handle. */
function clearTexts ({ id, subject, accessToken, cold, idTokenClaims }: Session): string[] {
  return [id, subject, accessToken, cold.refreshToken, cold.idToken, idTokenClaims?.email].filter(text => typeof text === 'string')
}

const opening: readonly StoreCase[] = [
  storeCase('a new handle is made each time, even for the same session', async ({ store, time }) => {
    const session = sampleSession()
    const made = [await store.create(session, time.now() + LIFETIME), await store.create(session, time.now() + LIFETIME), await store.create(session, time.now() + LIFETIME)]
    assert.equal(new Set(made.map(({ handle }) => handle)).size, 3)
  }),
  storeCase('a handle gives back what was stored, the cold part included', async ({ store, time }) => {
    const session = sampleSession({ userinfo: { nested: { list: [1, null, true, { deep: '' }] }, number: 1.5 }, renewedFrom: 'key' })
    const created = await store.create(session, time.now() + LIFETIME)
    assert.deepEqual(created.session, session)
    const found = await store.get(created.handle)
    assert.deepEqual({ handle: found?.handle, revision: found?.revision, expiresAt: found?.expiresAt }, { handle: created.handle, revision: created.revision, expiresAt: time.now() + LIFETIME })
    assert.deepEqual(found?.session, session)
    assert.equal(found?.session.cold.refreshToken, session.cold.refreshToken)
    assert.equal(found?.session.cold.idToken, session.cold.idToken)
  }),
  storeCase('everything that may be absent may be null', async scene => {
    await assertAlive(scene, await scene.login({ providerSessionId: null, accessToken: null, accessTokenExpiresAt: null, scope: null, idTokenClaims: null, userinfo: null, cold: { refreshToken: null, idToken: null } }))
  }),
  storeCase('claims in any script come back as they were', async scene => {
    const idTokenClaims = { name: 'Zażółć gęślą jaźń', given: '山田', emoji: '👩‍👩‍👧', control: '\u0000\u001f\u2028', quote: '"\\', ключ: 'значение', right: 'שלום', combining: 'e\u0301' }
    const stored = await scene.login({ subject: 'użytkownik-☃', idTokenClaims })
    await assertAlive(scene, stored)
    assert.deepEqual((await scene.store.get(stored.handle))?.session.idTokenClaims, idTokenClaims)
  }),
  storeCase('a claim named like a prototype stays a claim', async ({ store, login }) => {
    const { handle } = await login({ idTokenClaims: JSON.parse('{"__proto__":{"admin":true},"constructor":"x"}') as Record<string, unknown> })
    const claims = (await store.get(handle))?.session.idTokenClaims
    assert.equal(claims?.admin, undefined)
    assert.equal(claims?.constructor, 'x')
    assert.equal((Object.prototype as Record<string, unknown>).admin, undefined)
  }),
  storeCase('a session of 40 KB comes back whole', async scene => {
    await assertAlive(scene, await scene.login({ accessToken: randomBytes(30 * 1024).toString('base64url') }))
  }),
  storeCase('what a caller does to a session of its own changes nobody else\'s', async ({ store, time }) => {
    const groups = ['staff']
    const { handle } = await store.create(sampleSession({ idTokenClaims: { groups } }), time.now() + LIFETIME)
    groups.push('admins')
    const found = await store.get(handle)
    try {
      (found?.session.idTokenClaims?.groups as string[]).push('admins')
    } catch (err) {
      assert.ok(err instanceof TypeError, 'a frozen session refuses with a TypeError')
    }
    assert.deepEqual((await store.get(handle))?.session.idTokenClaims, { groups: ['staff'] })
  })
]

const hostile: readonly StoreCase[] = [
  storeCase('a handle shows nothing of the session and fits into a cookie', async ({ login }) => {
    const { handle, session } = await login()
    assert.match(handle, /^[\w.~-]+$/)
    const readings = [handle, Buffer.from(handle, 'base64url').toString('latin1')]
    for (const text of clearTexts(session)) {
      assert.ok(!readings.some(reading => reading.includes(text) || reading.includes(Buffer.from(text).toString('base64url'))), 'the handle contains the session in clear')
    }
  }),
  storeCase('a handle that was made up is no session, and quickly', async ({ store, login }) => {
    const { handle } = await login()
    const tricks = [handle.repeat(2), `${handle} `, ` ${handle}`, `${handle}=`, `${handle}\0`, handle + 'A'.repeat(MEGABYTE), handle.toUpperCase() + handle.toLowerCase()]
    for (const forged of [...FORGED, ...tricks]) {
      const startMs = performance.now()
      assert.equal(await store.get(forged), null, `${JSON.stringify(forged.slice(0, 40))} was taken for a handle`)
      assert.ok(performance.now() - startMs < QUICK_MS, `${forged.length} characters took too long`)
    }
  }),
  storeCase('a handle that was changed anywhere is no session', async scene => {
    const stored = await scene.login()
    for (const place of places(stored.handle)) {
      assert.equal(await scene.store.get(changeAt(stored.handle, place)), null, `changed at ${place} of ${stored.handle.length}`)
    }
    await assertAlive(scene, stored)
  }),
  storeCase('a handle that was cut is no session', async scene => {
    const stored = await scene.login()
    for (const place of places(stored.handle)) {
      assert.equal(await scene.store.get(stored.handle.slice(0, place)), null, `cut at ${place}`)
      if (place > 0) assert.equal(await scene.store.get(stored.handle.slice(place)), null, `cut before ${place}`)
    }
    await assertAlive(scene, stored)
  }),
  storeCase('a store is ready, and may be closed twice', async ({ store }) => {
    await store.ready()
    await store.close()
    await store.close()
    assert.notEqual(store.name, '')
  })
]

/** What a handle opens, and what it does not. */
export const handleCases: readonly StoreCase[] = [...opening, ...hostile]
