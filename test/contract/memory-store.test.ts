import t from 'tap'
import { createMemoryStore, createProcessCoordinator } from 'fastify-oidc-session-store'
import { sessionStoreContract } from 'fastify-oidc-session-store/contract'

for (const { name, run } of sessionStoreContract) {
  t.test(`memory store: ${name}`, () => run({ createStore: ({ clock }) => createMemoryStore({ clock }) }))
}

for (const { name, run } of sessionStoreContract) {
  t.test(`memory store with a coordinator that answers later: ${name}`, () => run({
    createStore: ({ clock }) => {
      const coordinator = createProcessCoordinator({ clock })
      return createMemoryStore({ clock, coordinator: { ...coordinator, hasEnded: async session => coordinator.hasEnded(session) } })
    }
  }))
}
