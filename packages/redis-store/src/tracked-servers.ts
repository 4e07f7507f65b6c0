import { randomBytes } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { isCluster, REPLACING, trackingClientOf } from './client.ts'
import { explain, isReply, isTemporary } from './failure.ts'
import { prefixOf } from './key-prefix.ts'
import { UntrackedError, type ChangeConnection, type ConnectionEars, type TrackedServer } from './key-tracking.ts'

const CHANNEL = '__redis__:invalidate'
const MARK_LIFE_MS = 1000
const MARKS_AT_ONCE = 20
const MAX_TURNS = 500

async function demandMaster (connection: Redis): Promise<void> {
  const [role] = await connection.call('ROLE') as [string]
  if (role !== 'master') throw new Error('it is not the master')
}

/** Of a refusal that will stay one, the error that says so. */
function refusalOf (error: unknown): unknown {
  return isReply(error) && !isTemporary(error) ? new UntrackedError(explain(error).reason, { cause: error }) : error
}

/** What a connection is told of it tells itself: so it cannot be that one of two has broken and the other does not know. */
async function startTelling (own: Redis, prefix: string): Promise<void> {
  await own.connect()
  await demandMaster(own)
  const id = await own.call('CLIENT', 'ID') as number
  await own.call('CLIENT', 'TRACKING', 'ON', 'REDIRECT', id, 'BCAST', 'PREFIX', prefix)
  await own.subscribe(CHANNEL)
}

/** @param ahead what the client of an application puts in front of each key */
function listenAt (node: Redis, ahead: string, prefix: string, ears: ConnectionEars): ChangeConnection {
  const own = trackingClientOf(node)
  own.on('error', () => {})
  own.once('end', ears.ended)
  own.on('messageBuffer', (_channel: Buffer, keys: unknown) => {
    ears.changed(Array.isArray(keys) ? keys.map(key => String(key).slice(ahead.length)) : null)
  })
  return {
    opened: startTelling(own, `${ahead}${prefix}`).catch(error => { throw refusalOf(error) }),
    ping: () => own.ping(),
    close () {
      own.disconnect()
      own.stream?.destroy()
    }
  }
}

/** The name by which a cluster's slots say who has them. */
const nameOf = ({ options: { host, port } }: Redis): string => `${host}:${port}`

const newMark = (prefix: string): string => `${prefix}mark:${randomBytes(9).toString('base64url')}`

/** One whose slot the server has; of three masters a third of all would do. */
async function newMarkAt (client: Cluster, name: string, prefix: string): Promise<string> {
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const marks = Array.from({ length: MARKS_AT_ONCE }, () => newMark(prefix))
    const slots = await Promise.all(marks.map(mark => client.cluster('KEYSLOT', `${prefixOf(client)}${mark}`)))
    const found = marks.find((_mark, place) => client.slots[slots[place] ?? -1]?.[0] === name)
    if (found !== undefined) return found
  }
  throw new Error('it has no slots')
}

async function confirmAt (client: Redis | Cluster, node: Redis): Promise<void> {
  if (node.status === 'end') throw new Error('Connection is closed.')
  const [, info] = await Promise.all([demandMaster(node), isCluster(client) ? node.call('CLUSTER', 'INFO') : null])
  if (info !== null && !/^cluster_state:ok\r?$/m.test(String(info))) throw new Error('the cluster does not serve all slots')
}

function serverAt (client: Redis | Cluster, node: Redis, prefix: string): TrackedServer {
  const name = nameOf(node)
  return {
    name,
    listen: ears => listenAt(node, prefixOf(client), prefix, ears),
    newMark: async () => isCluster(client) ? await newMarkAt(client, name, prefix) : newMark(prefix),
    write: mark => client.set(mark, '', 'PX', MARK_LIFE_MS),
    confirm: () => confirmAt(client, node)
  }
}

/**
 * The servers that have keys below a prefix, now.
 * @throws UntrackedError where reads go to replicas: what was read there may be older than what was told
 */
export function trackedServers (client: Redis | Cluster, prefix: string): readonly TrackedServer[] {
  if (client.status !== 'ready') throw new Error('Connection is closed.')
  if (!isCluster(client)) return [serverAt(client, client, prefix)]
  const { scaleReads = 'master' } = client.options
  if (scaleReads !== 'master') throw new UntrackedError('the client of the application reads from replicas')
  return client.nodes('master').map(node => serverAt(client, node, prefix))
}

/**
 * Calls back in the same moment in which a connection breaks over which keys are read, or another master is found.
 * @returns the function that ends it
 */
export function watchReads (client: Redis | Cluster, onBroken: () => void): () => void {
  const ends = ['close', 'end', REPLACING]
  if (!isCluster(client)) {
    for (const event of ends) client.on(event, onBroken)
    return () => { for (const event of ends) client.off(event, onBroken) }
  }
  const breakIfMaster = (node: Redis): void => { if (node.options.readOnly !== true) onBroken() }
  const watchNode = (node: Redis): void => { node.on('close', () => breakIfMaster(node)) }
  const onFound = (node: Redis): void => {
    watchNode(node)
    breakIfMaster(node)
  }
  for (const node of client.nodes()) watchNode(node)
  for (const event of ends) client.on(event, onBroken)
  client.on('+node', onFound).on('-node', breakIfMaster)
  return () => {
    for (const event of ends) client.off(event, onBroken)
    client.off('+node', onFound).off('-node', breakIfMaster)
  }
}
