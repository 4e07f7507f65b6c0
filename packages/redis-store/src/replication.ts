import type { Cluster, Redis } from 'ioredis'
import { StoreUnavailableError } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'

// Replicas acknowledge within a round trip. What waits behind this on the same connection waits as long.
const LIMIT_MS = 300

function countOnline (replication: string): number {
  return replication.match(/^slave\d+:.*\bstate=online\b/gm)?.length ?? 0
}

/** Answers false when there are replicas and none of them has it. */
async function isCopied (node: Redis): Promise<boolean> {
  const online = countOnline(await node.info('replication'))
  return online === 0 || await node.wait(online, LIMIT_MS) > 0
}

/** The master that has a key; all masters when that cannot be told. */
async function mastersOf (client: Redis | Cluster, key: string | null): Promise<readonly Redis[]> {
  if (!('nodes' in client)) return [client]
  const masters = client.nodes('master')
  if (key === null) return masters
  const slot = await client.cluster('KEYSLOT', key)
  const name = client.slots[slot]?.[0]
  const master = masters.filter(({ options: { host, port } }) => `${host}:${port}` === name)
  return master.length === 0 ? masters : master
}

/**
 * Resolves when what this link has written is on a replica too, where there are any: a failover does not undo it.
 * @param key of what was written; null: on any master
 * @throws FST_OIDC_STORE_UNAVAILABLE when no replica acknowledges in time
 */
export async function waitForReplicas (link: RedisLink, key: string | null): Promise<void> {
  const copied = await link.run(async client => await Promise.all((await mastersOf(client, key)).map(isCopied)))
  if (copied.includes(false)) throw new StoreUnavailableError({ cause: new Error('No replica has acknowledged what was written') })
}
