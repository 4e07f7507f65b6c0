// Starts servers, each in a process of its own, and keeps server and load on different cores where that can be done.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { readTreeUsage } from './process-tree.mjs'

const READY_WITHIN_MS = 20_000

function allowedCores () {
  const { status, stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' })
  if (status !== 0) return []
  return stdout.trim().split(': ').at(-1).split(',').flatMap(range => {
    const [from, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}

/**
 * `server` for the one that is measured, `rest` for load, upstream and provider; null where nothing can be pinned.
 * `two` is for a server of two processes: on fewer than four cores it and the load are in each other's way, and `twoShared` says so.
 */
export function planCores () {
  const cores = allowedCores()
  if (cores.length < 2) return null
  const shared = cores.length < 4
  return { server: String(cores[0]), rest: cores.slice(shared ? 1 : 2).join(','), two: cores.slice(0, 2).join(','), twoShared: shared }
}

export function pinSelf (cores) {
  if (cores !== null) spawnSync('taskset', ['-acp', cores, String(process.pid)])
}

export function pinned (cores, command) {
  return cores === null ? command : ['taskset', '-c', cores, ...command]
}

/** Starts bench/servers/<name>.mjs and answers what it announced. `usage()` is its processor time so far and its memory now. */
export async function startServer (name, cores, settings = {}) {
  const file = fileURLToPath(new URL(`servers/${name}.mjs`, import.meta.url))
  const [program, ...args] = pinned(cores, [process.execPath, file, JSON.stringify(settings)])
  const child = spawn(program, args, { stdio: ['ignore', 2, 2, 'ipc'], env: { ...process.env, NODE_ENV: 'production' } })
  const [announced] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([status]) => { throw new Error(`bench/servers/${name}.mjs ended with ${status} before it listened`) })
  ])
  return {
    ...announced,
    async usage () {
      child.send('usage')
      const [answer] = await once(child, 'message')
      return answer
    },
    stop: () => child.kill()
  }
}

/** A port that nobody listens at, for programs that do not tell which one they took. */
export async function findPort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function answers (url) {
  return await fetch(url, { redirect: 'manual' }).then(() => true, () => false)
}

/** @throws when the program ends first, or takes too long */
export async function untilAnswered (child, origin, name) {
  const ended = once(child, 'exit').then(([status]) => { throw new Error(`${name} ended with ${status} before it listened`) })
  const deadlineMs = performance.now() + READY_WITHIN_MS
  while (!await Promise.race([answers(origin), ended])) {
    if (performance.now() > deadlineMs) throw new Error(`${name} does not answer at ${origin}`)
    await wait(50)
  }
  ended.catch(() => {})
}

/** Starts a program that is not ours to change, and waits until it answers at this port. */
export async function startProgram (command, { cores, port, env = {} }) {
  const [program, ...args] = pinned(cores, command)
  const child = spawn(program, args, { stdio: ['ignore', 2, 2], env: { ...process.env, NODE_ENV: 'production', ...env } })
  const origin = `http://127.0.0.1:${port}`
  await untilAnswered(child, origin, command[0])
  return { origin, usage: async () => readTreeUsage(child.pid), stop: () => child.kill() }
}
