import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { requireTool } from '../../scripts/system.mjs'

/** Something that takes work to be done at the end: a test of tap, or anything alike. */
export interface Owner {
  teardown (work: () => unknown): unknown
}

/** One `redis-server` process, of whatever kind. */
export interface RedisProcess {
  readonly host: string
  readonly port: number
  /** A new folder of its own, where its files are. */
  readonly folder: string
  /** Runs a command over a plain connection of the test's own, as the default user. */
  command (name: string, ...args: ReadonlyArray<string | number>): Promise<unknown>
  /** The process stops at once, with all that it has not written: SIGKILL. */
  kill (): Promise<void>
  /** Starts again on the same port, after `kill`. */
  start (): Promise<void>
  /** SIGSTOP: connections stand, nothing answers. */
  pause (): void
  /** SIGCONT. */
  resume (): void
}

export interface ProcessSettings {
  readonly port: number
  /** Lines of the configuration file. */
  readonly configuration: readonly string[]
  readonly arguments?: readonly string[]
  /** What it prints when it is up. */
  readonly up: RegExp
  /** For `command`, where it is not the default user on the plain port. */
  readonly admin?: { readonly path?: string, readonly password?: string, readonly tls?: object, readonly port?: number }
  /** More files of its folder. */
  readonly files?: Readonly<Record<string, string>>
}

const children = new Set<ChildProcess>()
process.on('exit', () => { for (const child of children) child.kill('SIGKILL') })

let program: string | null = null

/** Ports that nothing listens on now. */
export async function freePorts (count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports = await Promise.all(servers.map(async server => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }))
  await Promise.all(servers.map(async server => { await new Promise(resolve => server.close(resolve)) }))
  return ports
}

async function run (folder: string, settings: ProcessSettings): Promise<ChildProcess> {
  program ??= requireTool('redis')
  const child = spawn(program, [join(folder, 'redis.conf'), ...settings.arguments ?? []], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let printed = ''
  await new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed = (printed + chunk.toString()).slice(-20_000)
      if (settings.up.test(printed)) resolve()
    }
    child.stdout?.on('data', read)
    child.stderr?.on('data', read)
    child.once('error', reject)
    child.once('exit', () => {
      children.delete(child)
      reject(new Error(`redis-server ended before it was up:\n${printed}`))
    })
  })
  return child
}

/** Starts one `redis-server` and ends it with its owner. */
export async function startRedisProcess (owner: Owner, settings: ProcessSettings): Promise<RedisProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'oidc-redis-'))
  let child: ChildProcess | null = null
  let admin: Redis | null = null
  const kill = async (): Promise<void> => {
    admin?.disconnect()
    admin = null
    if (child === null) return
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill('SIGKILL')
    await ended
    child = null
  }
  owner.teardown(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  for (const [name, text] of Object.entries(settings.files ?? {})) await writeFile(join(folder, name), text)
  await writeFile(join(folder, 'redis.conf'), [`port ${settings.port}`, 'bind 127.0.0.1', `dir ${folder}`, 'save ""', 'appendonly no', ...settings.configuration, ''].join('\n'))
  child = await run(folder, settings)

  return {
    host: '127.0.0.1',
    port: settings.admin?.port ?? settings.port,
    folder,
    command: async (name, ...args) => {
      if (admin === null || admin.status === 'end') {
        admin = new Redis({ host: '127.0.0.1', port: settings.port, ...settings.admin, retryStrategy: () => null, enableReadyCheck: false })
        admin.on('error', () => {})
      }
      return await admin.call(name, ...args)
    },
    kill,
    start: async () => { child ??= await run(folder, settings) },
    pause: () => { child?.kill('SIGSTOP') },
    resume: () => { child?.kill('SIGCONT') }
  }
}

/** Asks again every few milliseconds until the answer is yes: for what another process decides and tells nobody. */
export async function until (what: string, ask: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!await ask().catch(() => false)) {
    if (Date.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 15))
  }
}
