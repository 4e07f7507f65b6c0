import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { findTool } from '../../scripts/system.mjs'

/** A Redis of the bench's own, at a socket in this folder, without a file on disk; null when there is no redis-server. */
export async function startRedis (folder, cores = null) {
  const program = findTool('redis')
  if (program === null) return null
  const socket = join(folder, 'redis.sock')
  const command = [program, '--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder]
  const [file, ...args] = cores === null ? command : ['taskset', '-c', cores, ...command]
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve, reject) => {
    child.stdout.on('data', text => { if (/ready to accept connections/i.test(text)) resolve() })
    child.once('exit', status => reject(new Error(`redis-server ended with ${status}`)))
  })
  return { socket, stop: () => child.kill() }
}
