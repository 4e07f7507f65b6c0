import t from 'tap'
import { createWorkerHub, joinWorkers, type WorkerChannel } from 'fastify-oidc-session-store'
import { sessionCoordinatorContract } from 'fastify-oidc-session-store/contract'

/** Two ends that speak as processes do: later, and by copies. */
function createChannel (): readonly [WorkerChannel, WorkerChannel] {
  const listeners: Array<(message: unknown) => void> = []
  const others: Array<(message: unknown) => void> = []
  const end = (own: typeof listeners, far: typeof listeners): WorkerChannel => ({
    send (message) {
      const copy = structuredClone(message)
      setImmediate(() => { for (const listener of far) listener(copy) })
    },
    onMessage: listener => { own.push(listener) },
    onClosed: () => {}
  })
  return [end(listeners, others), end(others, listeners)]
}

for (const { name, run } of sessionCoordinatorContract) {
  t.test(`worker coordinator: ${name}`, () => run({
    createPair: async ({ clock }) => {
      const hub = createWorkerHub({ clock })
      const join = async (): ReturnType<typeof joinWorkers> => {
        const [primary, worker] = createChannel()
        hub.attach(primary)
        return await joinWorkers(worker, { clock })
      }
      return [await join(), await join()]
    }
  }))
}
