import type { Socket } from 'node:net'
import { Cluster, Redis, type RedisOptions as IoredisOptions } from 'ioredis'
import { isReadOnly } from './failure.ts'
import { clusterOptions, hostAndPort, singleOptions, type ConnectionSettings } from './connection-settings.ts'

/** Also of a client that another copy of ioredis has made. */
export function isCluster (client: Redis | Cluster): client is Cluster {
  return client.isCluster
}

const READONLY_PAUSE_MS = 1000

/** Told on a client whose connection is about to be replaced: it leads to a Redis that is no longer the master. */
export const REPLACING = 'replacing'

/**
 * A replica that was the master says READONLY: connect anew, to the new master.
 * Once a second at most, or a Redis that is read-only for good would have its connection cut with every write.
 */
function createSingle (options: IoredisOptions): Redis {
  let last = -Infinity
  const client = new Redis({
    ...options,
    reconnectOnError: error => {
      if (!isReadOnly(error) || performance.now() - last < READONLY_PAUSE_MS) return false
      last = performance.now()
      client.emit(REPLACING)
      return true
    }
  })
  return client
}

/** Connects anew unless it is this one that it is connected to; false: it is on its way, and nobody knows where to. */
export function leaveMaster (client: Redis, { host, port }: { readonly host: string, readonly port: number }): boolean {
  if (client.status !== 'ready' && client.status !== 'connect') return false
  const { remoteAddress, remotePort } = client.stream as Socket
  if (remoteAddress === host && remotePort === port) return true
  client.emit(REPLACING)
  client.disconnect(true)
  return true
}

/** Whether answers come in time is ours to watch: ioredis would give up those that a busy process has not read yet. */
const UNTIMED: IoredisOptions = { commandTimeout: undefined, socketTimeout: undefined }

/** A client that connects when it is first used, and by itself again whenever the connection breaks. */
export function createClient (settings: ConnectionSettings): Redis | Cluster {
  const { place } = settings
  return place.kind === 'cluster'
    ? new Cluster(place.nodes.map(({ host, port }) => ({ host, port })), { ...clusterOptions(settings), redisOptions: { ...settings.common, ...UNTIMED } })
    : createSingle({ ...singleOptions(settings), ...UNTIMED })
}

function oneOf<T> (members: readonly T[]): T | null {
  return members[Math.floor(Math.random() * members.length)] ?? null
}

/** One attempt to connect and no more: whoever listens wants to know when it ends. */
const ONE_ATTEMPT: IoredisOptions = {
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  reconnectOnError: null,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  lazyConnect: true
}

/** A client for one attempt to hear channels: it does not come back by itself. In a cluster every node tells what any node is told. */
export function createListeningClient (settings: ConnectionSettings, client: Redis | Cluster): Redis {
  const { place } = settings
  const options = { ...singleOptions(settings), ...ONE_ATTEMPT }
  if (place.kind !== 'cluster') return new Redis(options)
  const known = isCluster(client) ? client.nodes().map(node => node.options) : []
  const at = oneOf(known) ?? oneOf(place.nodes)
  return new Redis({ ...options, host: at?.host, port: at?.port })
}

/** The same beside a client of the application; null while a cluster of it knows no node. */
export function duplicateForListening (client: Redis | Cluster, connectTimeoutMs: number): Redis | null {
  const options = { ...ONE_ATTEMPT, connectTimeout: connectTimeoutMs, readOnly: false }
  if (!isCluster(client)) return client.duplicate(options)
  return oneOf(client.nodes())?.duplicate(options) ?? null
}

/** One attempt to hear what changes, at the same server: only in the older protocol does ioredis tell of it. */
export function trackingClientOf (node: Redis): Redis {
  return node.duplicate({ ...ONE_ATTEMPT, ...UNTIMED, protocol: 2, keyPrefix: '', readOnly: false })
}

/** Where a client of the application connects to, for the log. */
export function addressOf (client: Redis | Cluster): string {
  if (isCluster(client)) return 'the nodes of the application\'s cluster'
  const { path, sentinels, name, host, port } = client.options
  if (Array.isArray(sentinels) && sentinels.length > 0) return `${name} of the application's sentinels`
  return path ?? hostAndPort({ host: host ?? 'localhost', port: port ?? 6379 })
}
