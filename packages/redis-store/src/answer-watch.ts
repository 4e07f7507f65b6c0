import type { Cluster, Redis } from 'ioredis'
import { isCluster } from './client.ts'

const TICKS_PER_TIMEOUT = 5

/** Commands that wait for their answers; ioredis does not tell of them otherwise. */
function pendingOf (connection: Redis): number {
  return (connection as unknown as { readonly commandQueue: { readonly length: number } }).commandQueue.length
}

const connectionsOf = (client: Redis | Cluster): Redis[] => isCluster(client) ? client.nodes() : [client]

/**
 * Timers run before what the sockets have is read: a process that was busy for long would give up answers that are
 * there already. One turn of the event loop later they have been read.
 */
export async function afterReading (): Promise<void> {
  await new Promise<void>(resolve => { setImmediate(() => { setImmediate(resolve) }) })
}

/**
 * Ends connections on which commands wait and nothing comes for `timeoutMs`. Nothing is done per command.
 * @returns the function that ends it
 */
export function watchAnswers (client: Redis | Cluster, timeoutMs: number): () => void {
  const progress = new WeakMap<Redis, { bytes: number, since: number }>()

  async function endUnlessRead (connection: Redis): Promise<void> {
    const { stream } = connection
    const before = stream.bytesRead
    await afterReading()
    if (stream.bytesRead === before && pendingOf(connection) > 0) stream.destroy(new Error('Command timed out'))
  }

  function look (connection: Redis, now: number): void {
    const bytes = connection.stream?.bytesRead ?? 0
    const known = progress.get(connection)
    if (known === undefined || known.bytes !== bytes || pendingOf(connection) === 0) progress.set(connection, { bytes, since: now })
    else if (now - known.since >= timeoutMs) {
      known.since = now
      endUnlessRead(connection).catch(() => {})
    }
  }

  const timer = setInterval(() => {
    const now = performance.now()
    for (const connection of connectionsOf(client)) look(connection, now)
  }, timeoutMs / TICKS_PER_TIMEOUT)
  timer.unref()
  return () => { clearInterval(timer) }
}
