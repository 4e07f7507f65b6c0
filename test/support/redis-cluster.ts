import { randomBytes } from 'node:crypto'
import { freePorts, startRedisProcess, until, type Owner, type RedisProcess } from './redis-process.ts'

export interface RedisCluster {
  readonly nodes: ReadonlyArray<{ readonly host: string, readonly port: number }>
  readonly masters: readonly RedisProcess[]
  /** One for each master, in the same order; none unless asked for. */
  readonly replicas: readonly RedisProcess[]
  /** Resolves when all slots are served, as these nodes see it; without an argument, as all see it. */
  served (seenBy?: readonly RedisProcess[]): Promise<void>
  /** Resolves with the replica of a master that was killed, when it has taken over and everybody left knows. */
  replaced (master: RedisProcess): Promise<RedisProcess>
}

export interface ClusterOptions {
  /** Give each master a replica. */
  readonly replicas?: boolean
  /** After how many milliseconds without an answer a node counts as down. */
  readonly nodeTimeoutMs?: number
}

const MASTERS = 3
const SLOTS = 16384

interface Member {
  readonly id: string
  readonly port: number
  readonly busPort: number
  readonly slots: string | null
  readonly masterId: string | null
  readonly epoch: number
}

function plan (ports: readonly number[], withReplicas: boolean): Member[] {
  const count = withReplicas ? 2 * MASTERS : MASTERS
  const ids = Array.from({ length: count }, () => randomBytes(20).toString('hex'))
  return ids.map((id, index) => {
    const share = index % MASTERS
    const isMaster = index < MASTERS
    return {
      id,
      port: ports[2 * index] ?? 0,
      busPort: ports[2 * index + 1] ?? 0,
      slots: isMaster ? `${Math.floor(share * SLOTS / MASTERS)}-${Math.floor((share + 1) * SLOTS / MASTERS) - 1}` : null,
      masterId: isMaster ? null : ids[share] ?? null,
      epoch: share + 1
    }
  })
}

/** The file in which a node keeps what it knows of the others: written beforehand, nobody has to meet anybody. */
function nodesFile (members: readonly Member[], own: Member): string {
  const lines = members.map(member => [
    member.id,
    `127.0.0.1:${member.port}@${member.busPort}`,
    `${member === own ? 'myself,' : ''}${member.masterId === null ? 'master' : 'slave'}`,
    member.masterId ?? '-',
    '0 0',
    member.epoch,
    'connected',
    ...member.slots === null ? [] : [member.slots]
  ].join(' '))
  return [...lines, `vars currentEpoch ${MASTERS} lastVoteEpoch 0`, ''].join('\n')
}

async function isServed (node: RedisProcess): Promise<boolean> {
  return /cluster_state:ok[\s\S]*cluster_slots_ok:16384/.test(String(await node.command('CLUSTER', 'INFO')))
}

/** Starts three masters that share the slots, and a replica of each where asked for; some 2 s, which Redis waits before it takes writes. */
export async function startCluster (owner: Owner, options: ClusterOptions = {}): Promise<RedisCluster> {
  const withReplicas = options.replicas ?? false
  const members = plan(await freePorts(4 * MASTERS), withReplicas)
  const processes = await Promise.all(members.map(own => startRedisProcess(owner, {
    port: own.port,
    configuration: [
      'cluster-enabled yes',
      `cluster-port ${own.busPort}`,
      'cluster-announce-ip 127.0.0.1',
      `cluster-node-timeout ${options.nodeTimeoutMs ?? 1000}`,
      'repl-diskless-sync-delay 0'
    ],
    files: { 'nodes.conf': nodesFile(members, own) },
    up: /ready to accept connections/i
  })))
  const [masters, replicas] = [processes.slice(0, MASTERS), processes.slice(MASTERS)]
  const served = async (seenBy: readonly RedisProcess[] = processes): Promise<void> => await until('the cluster serves all slots', async () => {
    const answers = await Promise.all(seenBy.map(isServed))
    return answers.every(Boolean)
  })
  await served()
  await until('the replicas are in step', async () => {
    const states = await Promise.all(replicas.map(replica => replica.command('ROLE') as Promise<unknown[]>))
    return states.every(state => state[3] === 'connected')
  })
  const replaced = async (master: RedisProcess): Promise<RedisProcess> => {
    const heir = replicas[masters.indexOf(master)]
    if (heir === undefined) throw new Error('this master has no replica')
    await until('the replica is master', async () => (await heir.command('ROLE') as string[])[0] === 'master')
    await served(processes.filter(node => node !== master))
    return heir
  }
  return { nodes: members.map(({ port }) => ({ host: '127.0.0.1', port })), masters, replicas, served, replaced }
}
