import t from 'tap'
import { createMemoryStore, createProcessCoordinator, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { sessionCoordinatorContract, sessionStoreContract, type ContractCase } from 'fastify-oidc-session-store/contract'

/** Names of the cases that do not hold. */
async function broken<Harness> (contract: ReadonlyArray<ContractCase<Harness>>, harness: Harness): Promise<string[]> {
  const outcomes = await Promise.allSettled(contract.map(({ run }) => run(harness)))
  return contract.filter((_case, place) => outcomes[place]?.status === 'rejected').map(({ name }) => name)
}

type StoreFault = (store: SessionStore) => Partial<SessionStore>

/** Each is a mistake that a store was once seen to make, or that is easily made. */
const storeFaults: Record<string, StoreFault> = {
  'reuses a handle': store => {
    let first: StoredSession | null = null
    return {
      create: async (session, expiresAt) => {
        first ??= await store.create(session, expiresAt)
        return first
      }
    }
  },
  'throws at a handle that is none': store => ({
    get: async handle => { if (handle.length < 10) throw new Error('bad handle'); return await store.get(handle) }
  }),
  'tolerates space around a handle': store => ({ get: handle => store.get(handle.trim()) }),
  'forgets the refresh token': store => ({
    create: (session, expiresAt) => store.create({ ...session, cold: { ...session.cold, refreshToken: null } }, expiresAt)
  }),
  'answers an expired session': store => {
    const seen = new Map<string, StoredSession>()
    return {
      get: async handle => {
        const found = await store.get(handle)
        if (found !== null) seen.set(handle, found)
        return found ?? seen.get(handle) ?? null
      }
    }
  },
  'updates without comparing': store => ({
    update: async (stored, session, expiresAt) => {
      const now = await store.get(stored.handle)
      return now === null ? null : await store.update(now, session, expiresAt)
    }
  }),
  'brings a destroyed session back': store => ({
    update: async (stored, session, expiresAt) => await store.update(stored, session, expiresAt) ?? await store.create(session, expiresAt)
  }),
  'touches nothing': () => ({ touch: async stored => stored }),
  'does not destroy': () => ({ destroy: async () => {} }),
  'destroys a renewed session': store => ({ destroyIfUnchanged: stored => store.destroy(stored) }),
  'never ends a refused one': () => ({ destroyIfUnchanged: async () => {} }),
  'revokes later logins as well': store => ({ revoke: (target, before) => store.revoke(target, before + 1000) }),
  'does not revoke in the second of the login': store => ({ revoke: (target, before) => store.revoke(target, before - 1) }),
  'does not count': store => ({ revoke: async (target, before) => { await store.revoke(target, before); return 0 } }),
  'lists handles': store => ({
    async * inspect (target) { for await (const summary of store.inspect(target)) yield { ...summary, handle: 'x' } }
  }),
  'lists everything whatever is asked': store => ({ inspect: () => store.inspect('all') })
}

t.test('the store contract finds each of these faults', async t => {
  for (const [fault, breakIt] of Object.entries(storeFaults)) {
    const names = await broken(sessionStoreContract, {
      createStore: ({ clock }) => {
        const store = createMemoryStore({ clock })
        return { ...store, ...breakIt(store) }
      }
    })
    t.not(names.length, 0, `a store that ${fault}: ${names.join('; ')}`)
    t.not(names.length, sessionStoreContract.length, 'and not by failing as a whole')
  }
})

t.test('the store contract finds a store that forgets a revocation before the login arrives', async t => {
  const names = await broken(sessionStoreContract, {
    createStore: ({ clock }) => createMemoryStore({ clock, coordinator: { ...createProcessCoordinator({ clock }), hasEnded: () => false } })
  })
  t.ok(names.includes('a login that a revocation overtook is over'), names.join('; '))
})

type CoordinatorFault = (coordinator: SessionCoordinator) => Partial<SessionCoordinator>

const coordinatorFaults: Record<string, CoordinatorFault> = {
  'gives a lock to all': () => ({ lock: async () => ({ release: async () => {} }) }),
  'frees another holder\'s lock': coordinator => {
    const held = new Map<string, { release (): Promise<void> }>()
    return {
      lock: async (key, ttlMs) => {
        const lock = await coordinator.lock(key, ttlMs)
        if (lock === null) return null
        held.set(key, lock)
        return { release: async () => { await held.get(key)?.release() } }
      }
    }
  },
  'never lets a dead holder\'s lock go': coordinator => ({ lock: key => coordinator.lock(key, 1e9) }),
  'gives up waiting at once': () => ({ waitForRelease: async () => {} }),
  'hands a result out once': coordinator => ({
    takeResult: async key => {
      const result = await coordinator.takeResult(key)
      await coordinator.publishResult(key, '', 0)
      return result
    }
  }),
  'keeps results for ever': coordinator => ({ publishResult: (key, sealed) => coordinator.publishResult(key, sealed, 1e9) }),
  'keeps marks for ever': coordinator => ({ end: (target, before) => coordinator.end(target, before, 1e12) }),
  'ends later logins': coordinator => ({ end: (target, before, until) => coordinator.end(target, before + 100, until) }),
  'tells nobody': () => ({ onEnded: () => () => {} }),
  'goes on telling': coordinator => ({ onEnded: listener => { coordinator.onEnded(listener); return () => {} } })
}

t.test('the coordinator contract finds each of these faults', async t => {
  await Promise.all(Object.entries(coordinatorFaults).map(async ([fault, breakIt]) => {
    const names = await broken(sessionCoordinatorContract, {
      createPair: ({ clock }) => {
        const coordinator = createProcessCoordinator({ clock })
        const faulty = { ...coordinator, ...breakIt(coordinator) }
        return [faulty, faulty]
      }
    })
    t.not(names.length, 0, `a coordinator that ${fault}: ${names.join('; ')}`)
    t.not(names.length, sessionCoordinatorContract.length, 'and not by failing as a whole')
  }))
})

t.test('the coordinator contract finds two instances that do not know each other', async t => {
  const names = await broken(sessionCoordinatorContract, { createPair: ({ clock }) => [createProcessCoordinator({ clock }), createProcessCoordinator({ clock })] })
  t.ok(names.includes('a lock has one holder, on whatever instance'))
  t.ok(names.includes('listeners hear of an end on every instance until they are taken off'))
})
