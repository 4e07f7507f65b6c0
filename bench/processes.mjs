// Starts servers, each in a process of its own, and keeps server and load on different cores where that can be done.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

function allowedCores () {
  const { status, stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' })
  if (status !== 0) return []
  return stdout.trim().split(': ').at(-1).split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

/** `server` for the one that is measured, `rest` for load, upstream and provider; null where nothing can be pinned. */
export function planCores () {
  const [server, ...rest] = allowedCores()
  return rest.length === 0 ? null : { server: String(server), rest: rest.join(',') }
}

export function pinSelf (cores) {
  if (cores !== null) spawnSync('taskset', ['-acp', cores, String(process.pid)])
}

/** Starts bench/servers/<name>.mjs and answers what it announced. */
export async function startServer (name, cores, settings = {}) {
  const file = fileURLToPath(new URL(`servers/${name}.mjs`, import.meta.url))
  const command = [process.execPath, file, JSON.stringify(settings)]
  const [program, ...args] = cores === null ? command : ['taskset', '-c', cores, ...command]
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { ...process.env, NODE_ENV: 'production' } })
  const [announced] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => { throw new Error(`bench/servers/${name}.mjs ended with ${status} before it listened`) })
  ])
  return {
    ...announced,
    /** Processor time so far, in microseconds. */
    async cpuUs () {
      child.send('cpu')
      const [answer] = await once(child, 'message')
      return answer.cpuUs
    },
    stop: () => child.kill()
  }
}
