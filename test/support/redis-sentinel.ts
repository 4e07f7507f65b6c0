import { randomBytes } from 'node:crypto'
import { freePorts, startRedisProcess, until, type Owner, type RedisProcess } from './redis-process.ts'

export interface SentinelSet {
  readonly masterName: string
  readonly sentinels: ReadonlyArray<{ readonly host: string, readonly port: number }>
  /** The servers with data: the first one starts as master. */
  readonly servers: readonly RedisProcess[]
  readonly watchers: readonly RedisProcess[]
  /** The server that the sentinels take for the master now. */
  master (): Promise<RedisProcess>
  /** Resolves when the sentinels name another master than this one, and that one takes writes. */
  replaced (former: RedisProcess): Promise<RedisProcess>
}

export interface SentinelOptions {
  /** After how many milliseconds without an answer a server counts as down. */
  readonly downAfterMs?: number
  /** The password that the sentinels themselves ask for. */
  readonly sentinelPassword?: string
  /** The password of master and replicas. */
  readonly password?: string
}

const NAME = 'sessions-master'
const REPLICAS = 2
const WATCHERS = 3

function sentinelLines (own: string, ids: readonly string[], ports: readonly number[], serverPorts: readonly number[], options: SentinelOptions): string[] {
  const [master, ...replicas] = serverPorts
  return [
    `sentinel myid ${own}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${master} 2`,
    `sentinel down-after-milliseconds ${NAME} ${options.downAfterMs ?? 500}`,
    `sentinel failover-timeout ${NAME} 5000`,
    ...options.password === undefined ? [] : [`sentinel auth-pass ${NAME} "${options.password}"`],
    ...options.sentinelPassword === undefined ? [] : [`requirepass "${options.sentinelPassword}"`, `sentinel sentinel-pass "${options.sentinelPassword}"`],
    // They would find each other over the master's channel within seconds; told, they know at once.
    ...replicas.map(port => `sentinel known-replica ${NAME} 127.0.0.1 ${port}`),
    ...ids.flatMap((id, index) => id === own ? [] : [`sentinel known-sentinel ${NAME} 127.0.0.1 ${ports[index]} ${id}`])
  ]
}

async function isMaster (server: RedisProcess): Promise<boolean> {
  const [role] = await server.command('ROLE') as [string]
  return role === 'master'
}

/** Starts a master, two replicas that are in step with it, and three sentinels; some 1.5 s. */
export async function startSentinel (owner: Owner, options: SentinelOptions = {}): Promise<SentinelSet> {
  const ports = await freePorts(1 + REPLICAS + WATCHERS)
  const [serverPorts, watcherPorts] = [ports.slice(0, 1 + REPLICAS), ports.slice(1 + REPLICAS)]
  const password = options.password === undefined ? [] : [`requirepass "${options.password}"`, `masterauth "${options.password}"`]
  const start = async (port: number, lines: readonly string[]): Promise<RedisProcess> => await startRedisProcess(owner, {
    port,
    configuration: ['repl-diskless-sync-delay 0', ...password, ...lines],
    up: /ready to accept connections/i,
    admin: options.password === undefined ? {} : { password: options.password }
  })
  const [masterPort = 0, ...replicaPorts] = serverPorts
  const servers = [await start(masterPort, []), ...await Promise.all(replicaPorts.map(port => start(port, [`replicaof 127.0.0.1 ${masterPort}`])))]
  await until('the replicas are in step', async () => {
    const states = await Promise.all(servers.slice(1).map(server => server.command('ROLE') as Promise<unknown[]>))
    return states.every(state => state[3] === 'connected')
  })

  const ids = watcherPorts.map(() => randomBytes(20).toString('hex'))
  const watchers = await Promise.all(watcherPorts.map((port, index) => startRedisProcess(owner, {
    port,
    configuration: sentinelLines(ids[index] ?? '', ids, watcherPorts, serverPorts, options),
    arguments: ['--sentinel'],
    up: /\+monitor master/,
    admin: options.sentinelPassword === undefined ? {} : { password: options.sentinelPassword }
  })))

  const master = async (): Promise<RedisProcess> => {
    const [, port] = await watchers[0]?.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME) as [string, string]
    const found = servers.find(server => String(server.port) === port)
    if (found === undefined) throw new Error(`the sentinels name port ${port}, which is none of ours`)
    return found
  }
  return {
    masterName: NAME,
    sentinels: watcherPorts.map(port => ({ host: '127.0.0.1', port })),
    servers,
    watchers,
    master,
    replaced: async former => {
      await until('another master', async () => {
        const now = await master()
        return now !== former && await isMaster(now)
      })
      return await master()
    }
  }
}
