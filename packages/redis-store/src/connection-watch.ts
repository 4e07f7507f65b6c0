import type { Cluster, Redis } from 'ioredis'
import type { Socket } from 'node:net'
import { afterReading } from './answer-watch.ts'
import { isCluster } from './client.ts'

export interface ConnectionWatchOptions {
  readonly client: Redis | Cluster
  readonly sendTimeoutMs: number
  readonly idleTimeoutMs: number
  /** Called when nothing went either way for `idleTimeoutMs`. */
  readonly onIdle: () => void
}

const TICKS_PER_TIMEOUT = 5

function connections (client: Redis | Cluster): Redis[] {
  return isCluster(client) ? client.nodes() : [client]
}

/** The time runs anew with each byte that leaves, also within one long write. */
function limitSending (socket: Socket, timeoutMs: number): void {
  socket.setTimeout(timeoutMs)
  socket.on('timeout', () => {
    const left = socket.writableLength
    afterReading().then(() => {
      if (left > 0 && socket.writableLength >= left) socket.destroy(new Error('Send timeout'))
    }, () => {})
  })
}

function watchIdleness (client: Redis | Cluster, timeoutMs: number, onIdle: () => void): NodeJS.Timeout {
  let activity = -1
  let activeAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const sum = connections(client).reduce((total, { stream }) => total + (stream?.bytesRead ?? 0) + (stream?.bytesWritten ?? 0), 0)
    if (sum !== activity || client.status !== 'ready') {
      activity = sum
      activeAt = now
    } else if (now - activeAt >= timeoutMs) {
      activeAt = now
      onIdle()
    }
  }, timeoutMs / TICKS_PER_TIMEOUT)
  timer.unref()
  return timer
}

/**
 * Ends connections whose bytes do not drain, and tells of idle ones. Nothing is done per command.
 * @returns the function that ends it
 */
export function watchConnections ({ client, sendTimeoutMs, idleTimeoutMs, onIdle }: ConnectionWatchOptions): () => void {
  const watch = (connection: Redis): void => { connection.on('connect', () => limitSending(connection.stream, sendTimeoutMs)) }
  for (const connection of connections(client)) watch(connection)
  if (isCluster(client)) client.on('+node', watch)
  const timer = watchIdleness(client, idleTimeoutMs, onIdle)
  return () => clearInterval(timer)
}
