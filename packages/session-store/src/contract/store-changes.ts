import assert from 'node:assert/strict'
import type { Session, StoredSession } from '../session.ts'
import { assertAlive, assertOver, endingCase, LIFETIME, storeCase, type StoreCase } from './store-scene.ts'

function renewed ({ session }: StoredSession, accessToken = 'renewed'): Session {
  return { ...session, accessToken }
}

const lifetimes: readonly StoreCase[] = [
  storeCase('a session is over when its end is reached, not before', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    time.advance(LIFETIME - 1)
    await assertAlive(scene, stored)
    time.advance(1)
    await assertOver(scene, stored)
    assert.equal(await store.update(stored, renewed(stored), time.now() + LIFETIME), null)
    assert.equal(await store.touch(stored, time.now() + LIFETIME), null)
    await assertOver(scene, stored)
  }),
  storeCase('touch moves the end and changes nothing else', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    time.advance(LIFETIME - 10)
    const touched = await store.touch(stored, time.now() + LIFETIME)
    assert.ok(touched !== null)
    assert.equal(touched.expiresAt, time.now() + LIFETIME)
    assert.equal(touched.revision, stored.revision)
    time.advance(LIFETIME - 1)
    await assertAlive(scene, { handle: touched.handle, session: stored.session })
    assert.equal((await store.get(touched.handle))?.expiresAt, touched.expiresAt)
    time.advance(1)
    await assertOver(scene, touched)
  }),
  storeCase('touch can bring the end nearer', async scene => {
    const touched = await scene.store.touch(await scene.login(), scene.time.now() + 10)
    assert.ok(touched !== null)
    scene.time.advance(10)
    await assertOver(scene, touched)
  })
]

const updates: readonly StoreCase[] = [
  storeCase('an update is what its handle gives from then on', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    const updated = await store.update(stored, { ...renewed(stored), cold: { refreshToken: 'second', idToken: null } }, time.now() + 2 * LIFETIME)
    assert.ok(updated !== null)
    assert.ok(updated.revision > stored.revision)
    assert.equal(updated.session.accessToken, 'renewed')
    const found = await store.get(updated.handle)
    assert.deepEqual({ revision: found?.revision, expiresAt: found?.expiresAt, cold: found?.session.cold }, { revision: updated.revision, expiresAt: time.now() + 2 * LIFETIME, cold: { refreshToken: 'second', idToken: null } })
    await assertAlive(scene, updated)
    const again = await store.update(updated, renewed(updated, 'third'), time.now() + LIFETIME)
    assert.ok(again !== null && again.revision > updated.revision)
    await assertAlive(scene, again)
  }),
  storeCase('an update of an old revision is refused where revisions can be seen', async scene => {
    const { store, time, capabilities } = scene
    const stored = await scene.login()
    const updated = await store.update(stored, renewed(stored, 'first'), time.now() + LIFETIME)
    assert.ok(updated !== null)
    const late = await store.update(stored, renewed(stored, 'late'), time.now() + LIFETIME)
    if (capabilities.seesRevisions) assert.equal(late, null)
    else assert.equal(late?.session.accessToken, 'late')
    await assertAlive(scene, updated)
  }),
  storeCase('of 20 updates of one revision at once one wins where revisions can be seen', async scene => {
    const { store, time, capabilities } = scene
    const stored = await scene.login()
    const answers = await Promise.all(Array.from({ length: 20 }, (_, turn) => store.update(stored, renewed(stored, `turn ${turn}`), time.now() + LIFETIME)))
    const winners = answers.filter(answer => answer !== null)
    assert.equal(winners.length, capabilities.seesRevisions ? 1 : 20)
    for (const winner of winners) await assertAlive(scene, winner)
  }),
  storeCase('a touch with an old revision does not bring it back where revisions can be seen', async scene => {
    const { store, time, capabilities } = scene
    const stored = await scene.login()
    const updated = await store.update(stored, renewed(stored), time.now() + LIFETIME)
    assert.ok(updated !== null)
    const touched = await store.touch(stored, time.now() + LIFETIME)
    if (capabilities.seesRevisions && touched !== null) assert.equal(touched.session.accessToken, 'renewed')
    await assertAlive(scene, updated)
  })
]

const ends: readonly StoreCase[] = [
  endingCase('a destroyed session is over, and so it stays', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    const other = await scene.login({ subject: stored.session.subject })
    await store.destroy(stored)
    await assertOver(scene, stored)
    assert.equal(await store.update(stored, renewed(stored), time.now() + LIFETIME), null)
    assert.equal(await store.touch(stored, time.now() + LIFETIME), null)
    await store.destroy(stored)
    await store.destroyIfUnchanged(stored)
    await assertOver(scene, stored)
    await assertAlive(scene, other)
  }),
  endingCase('destroy ends a session that was renewed since it was read', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    const updated = await store.update(stored, renewed(stored), time.now() + LIFETIME)
    assert.ok(updated !== null)
    await store.destroy(stored)
    await assertOver(scene, stored)
    await assertOver(scene, updated)
  }),
  endingCase('a destruction wins over an update and a touch in flight', async scene => {
    const { store, time } = scene
    const stored = await scene.login()
    const [, updated, touched] = await Promise.all([
      store.destroy(stored), store.update(stored, renewed(stored), time.now() + LIFETIME), store.touch(stored, time.now() + LIFETIME)
    ])
    for (const left of [stored, updated, touched]) if (left !== null) await assertOver(scene, left)
  }),
  endingCase('destroyIfUnchanged ends a session that nobody has renewed', async scene => {
    const stored = await scene.login()
    await scene.store.destroyIfUnchanged(stored)
    await assertOver(scene, stored)
  }),
  endingCase('destroyIfUnchanged leaves a renewed session where revisions can be seen', async scene => {
    const { store, time, capabilities } = scene
    const stored = await scene.login()
    const updated = await store.update(stored, renewed(stored), time.now() + LIFETIME)
    assert.ok(updated !== null)
    await store.destroyIfUnchanged(stored)
    if (capabilities.seesRevisions) await assertAlive(scene, updated)
    else await assertOver(scene, updated)
  })
]

/** How a session changes and ends. */
export const changeCases: readonly StoreCase[] = [...lifetimes, ...updates, ...ends]
