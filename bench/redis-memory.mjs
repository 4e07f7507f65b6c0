// `node bench/redis-memory.mjs`: what sessions take in Redis.
//   --sessions N (100000), each with an access token of 1.1 KB, an ID token of 0.9 KB and a refresh token
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRedisLink, createRedisStore } from 'fastify-oidc-redis-store'
import { parseOptions, sessionSchema } from 'fastify-oidc-session-store'
import { corporateSession } from 'fastify-oidc-session-store/contract'
import { requireTool } from '../scripts/system.mjs'

const AT_ONCE = 200
const LIFETIME = 3600
const SECRET = 'the secret of this measurement'

const { values } = parseArgs({ args: process.argv.slice(2).filter(argument => argument !== '--'), options: { sessions: { type: 'string' } } })
const count = Number(values.sessions ?? 100_000)

async function startRedis (folder) {
  const socket = join(folder, 'redis.sock')
  const server = spawn(requireTool('redis'), ['--port', '0', '--unixsocket', socket, '--save', '', '--dir', folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise(resolve => { server.stdout.on('data', text => { if (/ready to accept connections/i.test(text)) resolve() }) })
  return { server, socket }
}

const folder = mkdtempSync(join(tmpdir(), 'redis-memory-'))
const { server, socket } = await startRedis(folder)
const link = createRedisLink({ ...parseOptions('bench', sessionSchema, { secret: SECRET, redis: { unix_socket: socket, read_timeout: 60_000 } }).redis })
const store = createRedisStore({ link, secret: SECRET, maxOpenedSessions: 0 })
try {
  await link.ready()
  const readUsed = async () => Number(/^used_memory:(\d+)/m.exec(await link.run(client => client.info('memory')))[1])
  const now = Math.floor(Date.now() / 1000)
  const before = await readUsed()
  for (let made = 0; made < count; made += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, () => store.create(corporateSession(), now + LIFETIME)))
  const used = await readUsed() - before
  console.log(`${count} sessions of ${JSON.stringify(corporateSession()).length} bytes as JSON: ${(used / 2 ** 20).toFixed(1)} MB in Redis, ${Math.round(used / count)} bytes each, index included`)
} finally {
  await store.close()
  await link.close()
  server.kill()
  rmSync(folder, { recursive: true })
}
