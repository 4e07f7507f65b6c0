import t from 'tap'
import { createProcessCoordinator } from 'fastify-oidc-session-store'
import { sessionCoordinatorContract } from 'fastify-oidc-session-store/contract'

for (const { name, run } of sessionCoordinatorContract) {
  t.test(`process coordinator: ${name}`, () => run({
    createPair: ({ clock }) => {
      const coordinator = createProcessCoordinator({ clock })
      return [coordinator, coordinator]
    }
  }))
}
