import type { Cluster, Redis } from 'ioredis'
import { StoreUnavailableError } from 'fastify-oidc-session-store'
import { prefixOf } from './key-prefix.ts'
import type { RedisLink } from './redis-link.ts'

// Replicas acknowledge within a round trip. What is behind this on the same connection waits as long, and would
// look like an outage beyond the time that a command may take; a replica that has just not answered is not waited for again.
const SHARE_OF_TIMEOUT = 0.4
const DISTRUST_LIMIT_MS = 20
const DISTRUST_MS = 5000

/** What is known of a server's replicas. */
interface Acknowledgement {
  /** Asked, and on its way. */
  current: Promise<boolean>
  /** Not asked yet: good for all who have written until then. */
  next: Promise<boolean> | null
  failedAtMs: number
}

const acknowledgements = new WeakMap<Redis, Acknowledgement>()

function countOnline (replication: string): number {
  return replication.match(/^slave\d+:.*\bstate=online\b/gm)?.length ?? 0
}

async function ask (node: Redis, state: Acknowledgement, longestMs: number): Promise<boolean> {
  const online = countOnline(await node.info('replication'))
  if (online === 0) return true
  const limitMs = performance.now() - state.failedAtMs < DISTRUST_MS ? Math.min(DISTRUST_LIMIT_MS, longestMs) : longestMs
  const copied = await node.wait(online, limitMs) > 0
  if (!copied) state.failedAtMs = performance.now()
  return copied
}

/** Answers false when there are replicas and none of them has it. Many who ask at once ask together. */
async function isCopied (node: Redis, longestMs: number): Promise<boolean> {
  const state = acknowledgements.get(node) ?? { current: Promise.resolve(true), next: null, failedAtMs: -Infinity }
  acknowledgements.set(node, state)
  state.next ??= state.current.catch(() => false).then(() => {
    state.current = ask(node, state, longestMs)
    state.next = null
    return state.current
  })
  return await state.next
}

/** The master that has a key; all masters when that cannot be told. */
async function mastersOf (client: Redis | Cluster, key: string | null): Promise<readonly Redis[]> {
  if (!('nodes' in client)) return [client]
  const masters = client.nodes('master')
  if (key === null) return masters
  const slot = await client.cluster('KEYSLOT', `${prefixOf(client)}${key}`)
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
  const longestMs = Math.ceil(link.answerTimeoutMs * SHARE_OF_TIMEOUT)
  const copied = await link.run(async client => await Promise.all((await mastersOf(client, key)).map(async node => await isCopied(node, longestMs))))
  if (copied.includes(false)) throw new StoreUnavailableError({ cause: new Error('No replica has acknowledged what was written') })
}
