import assert from 'node:assert/strict'
import type { Clock, RevocationTarget, Session, StoredSession } from '../session.ts'
import type { SessionStore } from '../session-store.ts'
import { createManualClock, withinLimit, type ContractCase, type ManualClock } from './contract-case.ts'
import { sampleSession } from './sample-session.ts'

/** What a store can do by its nature. All true for one that keeps sessions on the server. */
export interface StoreCapabilities {
  /** False where sessions live in browsers: two holders of old handles do not see each other. */
  readonly seesRevisions: boolean
  /** False where sessions cannot be listed: `inspect` rejects. */
  readonly inspectable: boolean
  /** False where sessions cannot be counted: `revoke` answers null. */
  readonly countable: boolean
}

/** What the author of a store gives to each case. */
export interface StoreHarness {
  /** A store that holds nothing that another case made; it takes the time from `clock`. The case closes it. */
  createStore (options: { readonly clock: Clock }): SessionStore | Promise<SessionStore>
  readonly capabilities?: Partial<StoreCapabilities>
}

export type StoreCase = ContractCase<StoreHarness>

/** Where a case plays. */
export interface StoreScene {
  readonly store: SessionStore
  readonly time: ManualClock
  readonly capabilities: StoreCapabilities
  /** A session that was issued now and ends in an hour. */
  login (changes?: Partial<Session>): Promise<StoredSession>
}

export const LIFETIME = 3600

async function openScene ({ createStore, capabilities }: StoreHarness): Promise<StoreScene> {
  const time = createManualClock()
  const store = await createStore({ clock: time.now })
  await store.ready()
  return {
    store,
    time,
    capabilities: { seesRevisions: true, inspectable: true, countable: true, ...capabilities },
    login: changes => store.create(sampleSession({ issuedAt: time.now(), ...changes }), time.now() + LIFETIME)
  }
}

export function storeCase (name: string, play: (scene: StoreScene) => Promise<void>): StoreCase {
  async function playAndClose (harness: StoreHarness): Promise<void> {
    const scene = await openScene(harness)
    try {
      await play(scene)
    } finally {
      await scene.store.close()
    }
  }
  return { name, run: harness => withinLimit(playAndClose(harness)) }
}

/** A case about ending sessions. A store that nothing can end from outside has to say so instead. */
export function endingCase (name: string, play: (scene: StoreScene) => Promise<void>): StoreCase {
  return storeCase(name, async scene => {
    if (scene.store.revocable) { await play(scene); return }
    const stored = await scene.login()
    await assert.rejects(scene.store.revoke({ id: stored.session.id }, scene.time.now()), { code: 'FST_OIDC_STORE_NOT_REVOCABLE' })
    await scene.store.destroy(stored)
  })
}

export async function assertOver ({ store }: StoreScene, { handle }: Pick<StoredSession, 'handle'>): Promise<void> {
  assert.equal(await store.get(handle), null, 'the session is still alive')
}

export async function assertAlive ({ store }: StoreScene, { handle, session }: Pick<StoredSession, 'handle' | 'session'>): Promise<void> {
  const found = await store.get(handle)
  assert.notEqual(found, null, 'the session is gone')
  assert.deepEqual(found?.session, session)
}

/** Ends what matches, and compares how many where that can be known. */
export async function revokeCounted ({ store, time, capabilities }: StoreScene, target: RevocationTarget, expected: number, before = time.now()): Promise<void> {
  assert.equal(await store.revoke(target, before), capabilities.countable ? expected : null)
}
