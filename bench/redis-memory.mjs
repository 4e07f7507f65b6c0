// `pnpm bench:memory`: what sessions take in Redis, and where.
//   --sessions N (100000), each with an access token of 1.1 KB, an ID token of 0.9 KB and a refresh token
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRedisLink, createRedisStore } from 'fastify-oidc-redis-store'
import { parseOptions, sessionSchema } from 'fastify-oidc-session-store'
import { corporateSession } from 'fastify-oidc-session-store/contract'
import { requireTool } from '../scripts/system.mjs'
import { startRedis } from './programs/redis.mjs'

const AT_ONCE = 200
const LIFETIME = 3600
const SECRET = 'the secret of this measurement'
// Keys of one kind are much alike.
const SAMPLES = 2000

const { values } = parseArgs({ args: process.argv.slice(2).filter(argument => argument !== '--'), options: { sessions: { type: 'string', default: '100000' } } })
const count = Number(values.sessions)
if (!Number.isInteger(count) || count < 1) throw new Error('--sessions must be a whole number above 0')

const KINDS = [
  ['the sessions', /^sessions:[\w-]{43}$/],
  ['the sets that find them', /^sessions:index:/]
]

/** How many keys of each kind there are, and what they take by `MEMORY USAGE`: of a sample, and so of all. */
async function measureKinds (client) {
  const keys = await client.keys('*')
  const kinds = KINDS.map(([name, pattern]) => ({ name, keys: keys.filter(key => pattern.test(key)) }))
  return await Promise.all(kinds.map(async ({ name, keys }) => {
    const sample = keys.filter((_key, place) => place % Math.ceil(keys.length / SAMPLES) === 0)
    const taken = await Promise.all(sample.map(key => client.memory('USAGE', key, 'SAMPLES', 0)))
    return { name, keys: keys.length, bytes: taken.reduce((sum, bytes) => sum + bytes, 0) / sample.length * keys.length }
  }))
}

requireTool('redis')
const folder = mkdtempSync(join(tmpdir(), 'redis-memory-'))
const { socket, stop } = await startRedis(folder)
const link = createRedisLink({ ...parseOptions('bench', sessionSchema, { secret: SECRET, redis: { unix_socket: socket, read_timeout: 60_000 } }).redis })
const { discovery, clientId } = corporateSession()
// The binding of the core.
const store = createRedisStore({ link, secret: SECRET, binding: `${discovery}\n${clientId}`, maxOpenedSessions: 0 })
try {
  await link.ready()
  const readUsed = async () => Number(/^used_memory:(\d+)/m.exec(await link.run(client => client.info('memory')))[1])
  const now = Math.floor(Date.now() / 1000)
  const before = await readUsed()
  for (let made = 0; made < count; made += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - made) }, () => store.create(corporateSession(), now + LIFETIME)))
  const used = await readUsed() - before
  const kinds = await link.run(measureKinds)
  const rest = used - kinds.reduce((sum, { bytes }) => sum + bytes, 0)
  const line = (name, bytes, keys = '') => `${name.padEnd(28)}${String(keys).padStart(9)}${(bytes / 1e6).toFixed(1).padStart(9)} MB${String(Math.round(bytes / count)).padStart(7)} bytes a session`
  console.log(`${count} sessions of ${JSON.stringify(corporateSession()).length} bytes as JSON`)
  for (const { name, keys, bytes } of kinds) console.log(line(name, bytes, keys))
  console.log(line('expiries, tables, rounding', rest))
  console.log(line('all that Redis uses', used))
} finally {
  await store.close()
  await link.close()
  stop()
  rmSync(folder, { recursive: true })
}
