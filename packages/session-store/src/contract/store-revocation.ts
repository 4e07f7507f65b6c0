import assert from 'node:assert/strict'
import type { RevocationTarget, SessionSummary } from '../session.ts'
import { sampleSession } from './sample-session.ts'
import { assertAlive, assertOver, endingCase, LIFETIME, revokeCounted, storeCase, type StoreCase, type StoreScene } from './store-scene.ts'

const ISSUER = 'https://op.example'

async function list ({ store }: StoreScene, target: RevocationTarget | 'all'): Promise<SessionSummary[]> {
  const summaries: SessionSummary[] = []
  for await (const summary of store.inspect(target)) summaries.push(summary)
  return summaries
}

const targets: readonly StoreCase[] = [
  endingCase('revocation by subject ends every session of that subject at that issuer, and no other', async scene => {
    const { session: { subject } } = await scene.login()
    const own = [await scene.login({ subject }), await scene.login({ subject })]
    const others = [await scene.login(), await scene.login({ subject, issuer: 'https://other.example' }), await scene.login({ providerSessionId: subject })]
    await revokeCounted(scene, { issuer: ISSUER, subject }, 3)
    for (const stored of own) await assertOver(scene, stored)
    for (const stored of others) await assertAlive(scene, stored)
  }),
  endingCase('revocation by provider session ends that one and no other of the subject', async scene => {
    const stored = await scene.login({ providerSessionId: 'sid-1' })
    const { subject } = stored.session
    const others = [await scene.login({ subject, providerSessionId: 'sid-2' }), await scene.login({ subject, providerSessionId: null }), await scene.login({ issuer: 'https://other.example', providerSessionId: 'sid-1' })]
    await revokeCounted(scene, { issuer: ISSUER, providerSessionId: 'sid-1' }, 1)
    await assertOver(scene, stored)
    for (const other of others) await assertAlive(scene, other)
  }),
  endingCase('revocation by id ends that session, whenever it was issued', async scene => {
    const stored = await scene.login()
    const other = await scene.login({ subject: stored.session.subject })
    await revokeCounted(scene, { id: stored.session.id }, 1, stored.session.issuedAt - 1000)
    await assertOver(scene, stored)
    await assertAlive(scene, other)
  }),
  endingCase('revocation of what nobody has ends nothing', async scene => {
    const stored = await scene.login()
    for (const name of ['nobody', '', '*', '__proto__', 'constructor']) {
      await revokeCounted(scene, { id: name }, 0)
      await revokeCounted(scene, { issuer: ISSUER, subject: name }, 0)
      await revokeCounted(scene, { issuer: name, subject: stored.session.subject }, 0)
      await revokeCounted(scene, { issuer: ISSUER, providerSessionId: name }, 0)
    }
    await assertAlive(scene, stored)
  }),
  endingCase('names that only look alike when joined are not confused', async scene => {
    const stored = await scene.login({ issuer: 'https://op.example:a', subject: 'b' })
    await revokeCounted(scene, { issuer: 'https://op.example', subject: 'a:b' }, 0)
    await revokeCounted(scene, { issuer: 'https://op.example:', subject: 'ab' }, 0)
    await assertAlive(scene, stored)
  }),
  endingCase('a touched and an updated session are ended as well', async scene => {
    const { store, time, login } = scene
    const touched = await store.touch(await login({ subject: 'moved' }), time.now() + 2 * LIFETIME)
    const first = await login({ subject: 'moved' })
    const updated = await store.update(first, { ...first.session, accessToken: 'renewed' }, time.now() + LIFETIME)
    assert.ok(touched !== null && updated !== null)
    await revokeCounted(scene, { issuer: ISSUER, subject: 'moved' }, 2)
    for (const stored of [touched, updated, first]) await assertOver(scene, stored)
    assert.equal(await store.update(updated, updated.session, time.now() + LIFETIME), null)
    assert.equal(await store.touch(touched, time.now() + LIFETIME), null)
  })
]

const instants: readonly StoreCase[] = [
  endingCase('revocation ends what was issued at or before its instant, and a later login lives', async scene => {
    const before = scene.time.now()
    const subject = 'returns'
    const old = [await scene.login({ subject, issuedAt: before - 100 }), await scene.login({ subject, issuedAt: before })]
    const later = await scene.login({ subject, issuedAt: before + 1 })
    await revokeCounted(scene, { issuer: ISSUER, subject }, 2, before)
    for (const stored of old) await assertOver(scene, stored)
    await assertAlive(scene, later)
  }),
  endingCase('a revocation that is replayed does not end a later login', async scene => {
    const before = scene.time.now()
    const { session: { subject, providerSessionId } } = await scene.login()
    assert.ok(providerSessionId !== null)
    await scene.store.revoke({ issuer: ISSUER, subject }, before)
    scene.time.advance(5)
    const later = await scene.login({ subject, providerSessionId })
    await revokeCounted(scene, { issuer: ISSUER, subject }, 0, before)
    await revokeCounted(scene, { issuer: ISSUER, providerSessionId }, 0, before)
    await assertAlive(scene, later)
  }),
  endingCase('a login that a revocation overtook is over', async scene => {
    const { store, time } = scene
    const session = sampleSession({ issuedAt: time.now() })
    time.advance(1)
    await store.revoke({ issuer: session.issuer, subject: session.subject }, time.now())
    await assertOver(scene, await store.create(session, time.now() + LIFETIME))
  }),
  endingCase('a revocation wins over a creation, an update and a touch in flight', async scene => {
    const { store, time } = scene
    const stored = await scene.login({ subject: 'busy' })
    const [created, updated, touched] = await Promise.all([
      scene.login({ subject: 'busy' }),
      store.update(stored, { ...stored.session, accessToken: 'renewed' }, time.now() + LIFETIME),
      store.touch(stored, time.now() + LIFETIME),
      store.revoke({ issuer: ISSUER, subject: 'busy' }, time.now())
    ])
    for (const left of [stored, created, updated, touched]) if (left !== null) await assertOver(scene, left)
  })
]

const inspection: readonly StoreCase[] = [
  storeCase('inspect says who and since when, never a token or a handle', async scene => {
    const { store, time, capabilities } = scene
    const stored = await scene.login()
    if (!capabilities.inspectable) {
      await assert.rejects(list(scene, 'all'), { code: 'FST_OIDC_STORE_NOT_INSPECTABLE' })
      return
    }
    const { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt } = stored.session
    const expected = { id, issuer, subject, providerSessionId, issuedAt, clientId, createdAt, expiresAt: time.now() + LIFETIME }
    assert.ok(providerSessionId !== null)
    for (const target of ['all', { id }, { issuer, subject }, { issuer, providerSessionId }] as const) assert.deepEqual(await list(scene, target), [expected])
    assert.deepEqual(await list(scene, { id: 'another' }), [])
    await store.destroy(stored)
    assert.deepEqual(await list(scene, 'all'), [])
  }),
  storeCase('inspect leaves out what is over', async scene => {
    if (!scene.capabilities.inspectable) {
      await assert.rejects(list(scene, { id: 'any' }), { code: 'FST_OIDC_STORE_NOT_INSPECTABLE' })
      return
    }
    const first = await scene.login({ subject: 'many' })
    const revoked = await scene.login({ subject: 'many' })
    scene.time.advance(LIFETIME - 1)
    const second = await scene.login({ subject: 'many' })
    await scene.store.revoke({ id: revoked.session.id }, scene.time.now())
    const ids = async (): Promise<string[]> => (await list(scene, { issuer: ISSUER, subject: 'many' })).map(({ id }) => id).sort()
    assert.deepEqual(await ids(), [first.session.id, second.session.id].sort())
    scene.time.advance(1)
    assert.deepEqual(await ids(), [second.session.id])
  })
]

/** How sessions are ended from outside, and who sees them. */
export const revocationCases: readonly StoreCase[] = [...targets, ...instants, ...inspection]
