import { Cluster, Redis } from 'ioredis'
import { clusterOptions, singleOptions, type ConnectionSettings } from './connection-settings.ts'

/** A client that connects when it is first used, and by itself again whenever the connection breaks. */
export function createClient (settings: ConnectionSettings): Redis | Cluster {
  const { place } = settings
  return place.kind === 'cluster'
    ? new Cluster(place.nodes.map(({ host, port }) => ({ host, port })), clusterOptions(settings))
    : new Redis(singleOptions(settings))
}

function oneOf<T> (members: readonly T[]): T | null {
  return members[Math.floor(Math.random() * members.length)] ?? null
}

/** A client for one attempt to hear channels: it does not come back by itself. In a cluster every node tells what any node is told. */
export function createListeningClient (settings: ConnectionSettings, client: Redis | Cluster): Redis {
  const { place } = settings
  const options = { ...singleOptions(settings), retryStrategy: () => null, sentinelRetryStrategy: () => null, reconnectOnError: null, autoResubscribe: false }
  const node = client instanceof Cluster ? oneOf(client.nodes())?.options ?? null : null
  const at = place.kind === 'cluster' ? node ?? oneOf(place.nodes) : null
  return new Redis(at === null ? options : { ...options, host: at.host, port: at.port })
}
