// What contestants share: an upstream, providers, a Redis, a folder. Each is started when the first asks for it, and ends with the stage.
import { mkdtempSync, rmSync, chmodSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from './processes.mjs'
import { startRedis } from './programs/redis.mjs'

// Filling that makes access tokens of 1.1 KB, as large providers issue them, and sessions of 3.5 KB.
const TOKEN_SIZE = 380

export const SCOPE = 'openid profile email groups'
export const SECRET = 'a secret of the bench, 32 bytes or more'

/** A client that gets tokens for its users' passwords, as programs do. */
export const API = { client_id: 'https://api.example.test', client_secret: 'a secret of the API, for the bench', grant_types: ['password'], response_types: [], redirect_uris: [] }

const PROVIDERS = {
  sessions: {},
  jwt: { tokenFormat: 'jwt', clients: [API] },
  opaque: { tokenFormat: 'opaque', clients: [API] }
}

export function createStage (cores) {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-oidc-bench-'))
  chmodSync(folder, 0o755) // Apache's children are another user
  const [stops, memory] = [[], new Map()]

  function remember (key, make) {
    if (!memory.has(key)) memory.set(key, make())
    return memory.get(key)
  }

  async function keep (starting) {
    const started = await starting
    if (started !== null) stops.push(started.stop)
    return started
  }

  const start = (name, settings, on = cores?.server) => keep(startServer(name, on ?? null, settings))

  return {
    cores,
    folder,
    remember,
    keep,
    start,
    upstream: () => remember('upstream', () => start('upstream', {}, cores?.rest)),
    /** `sessions`: of people. `jwt`, `opaque`: for the tokens of programs. */
    provider: name => remember(`provider ${name}`, () => start('provider', { tokenSize: TOKEN_SIZE, ...PROVIDERS[name] }, cores?.rest)),
    /** Null when there is none on this machine. */
    redis: () => remember('redis', () => keep(startRedis(folder, cores?.rest ?? null))),
    stop () {
      for (const stop of stops) stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
