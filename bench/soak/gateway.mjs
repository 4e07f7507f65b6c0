// One gateway for both kinds of sessions, as `oidc-gateway start` runs it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { findPort, pinned, untilAnswered } from '../processes.mjs'
import { SCOPE, SECRET } from '../stage.mjs'

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/dist/bin/oidc-gateway.js', import.meta.url))
const WATCH = new URL('watch.mjs', import.meta.url).href
const ERROR = 50

/** Where the sessions of the soak live, by the path of their route. */
export const KINDS = ['cookie', 'redis']

function route (kind, { upstream, options, redis, leeway, longestLife }) {
  const prefix = `/${kind}`
  const storage = kind === 'redis' ? { storage: 'redis', redis: { unix_socket: redis.socket, client_cache: true } } : {}
  return {
    uri: `${prefix}/*`,
    upstream,
    rewrite_prefix: { from: prefix, to: '/' },
    plugins: {
      'openid-connect': {
        ...options,
        security_profile: 'oauth2.1',
        scope: SCOPE,
        redirect_uri: `${prefix}/callback`,
        logout_path: `${prefix}/logout`,
        access_token_expires_leeway: leeway,
        session: { secret: SECRET, cookie_name: `soak_${kind}`, absolute_timeout: longestLife, ...storage }
      }
    }
  }
}

/** Errors that the gateway logs, and how often it warned of what. */
function readLog (stream) {
  const log = { errors: [], warnings: new Map() }
  createInterface({ input: stream }).on('line', line => {
    const entry = line.startsWith('{') ? JSON.parse(line) : { level: ERROR, msg: line }
    const text = `${entry.msg}${entry.err === undefined ? '' : `: ${entry.err.code ?? ''} ${entry.err.message}`}`
    if (entry.level >= ERROR) log.errors.push(text)
    else log.warnings.set(text, (log.warnings.get(text) ?? 0) + 1)
  })
  return log
}

/** `sample()`: what the process holds after a collection; `measure()`: delays count from now on. */
export async function startSoakedGateway (settings) {
  const { folder, cores } = settings
  const [port, metricsPort] = [await findPort(), await findPort()]
  const file = join(folder, 'soak.json')
  writeFileSync(file, JSON.stringify({
    listen: { host: '127.0.0.1', port },
    metrics: { host: '127.0.0.1', port: metricsPort },
    log: { level: 'warn' },
    routes: KINDS.map(kind => route(kind, settings))
  }))
  const [program, ...args] = pinned(cores, [process.execPath, '--expose-gc', '--import', WATCH, PROGRAM, 'start', '--config', file])
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...process.env, NODE_ENV: 'production' } })
  const log = readLog(child.stdout)
  createInterface({ input: child.stderr }).on('line', line => { log.errors.push(line) })
  const origin = `http://127.0.0.1:${port}`
  await untilAnswered(child, origin, 'oidc-gateway').catch(error => { throw new Error(`${error.message}: ${log.errors.join(' ')}`) })
  const ended = once(child, 'exit').then(([status, signal]) => { throw new Error(`the gateway ended with ${signal ?? status}: ${log.errors.slice(-5).join(' ')}`) })
  ended.catch(() => {})
  return {
    origin,
    log,
    measure: () => child.send('measure'),
    async sample () {
      child.send('sample')
      const [sample] = await Promise.race([once(child, 'message'), ended])
      return sample
    },
    metrics: async () => await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
    stop: () => child.kill()
  }
}
