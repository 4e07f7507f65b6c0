import t from 'tap'
import { createCookieStore } from 'fastify-oidc-cookie-store'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { sessionStoreContract } from 'fastify-oidc-session-store/contract'

const secret = 'a secret of the contract, long enough'
const capabilities = { seesRevisions: false, inspectable: false, countable: false }

for (const { name, run } of sessionStoreContract) {
  t.test(`cookie store: ${name}`, () => run({
    capabilities,
    createStore: ({ clock }) => createCookieStore({ secret, clock, coordinator: createProcessCoordinator({ clock }) })
  }))
}

for (const { name, run } of sessionStoreContract) {
  t.test(`cookie store that remembers nothing, with a coordinator that answers later: ${name}`, () => run({
    capabilities,
    createStore: ({ clock }) => {
      const coordinator = createProcessCoordinator({ clock })
      return createCookieStore({ secret, clock, maxOpenedSessions: 0, coordinator: { ...coordinator, hasEnded: async session => coordinator.hasEnded(session) } })
    }
  }))
}

for (const { name, run } of sessionStoreContract) {
  t.test(`cookie store without a coordinator: ${name}`, () => run({ capabilities, createStore: ({ clock }) => createCookieStore({ secret, clock }) }))
}
