// `oidc-gateway start` with one route to the upstream.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findPort, startProgram } from '../processes.mjs'

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/dist/bin/oidc-gateway.js', import.meta.url))

export async function startGateway ({ folder: parent, cores, upstream, options, workers }) {
  const [folder, port] = [join(parent, `gateway-${workers}`), await findPort()]
  mkdirSync(folder)
  const file = join(folder, 'gateway.json')
  writeFileSync(file, JSON.stringify({
    listen: { host: '127.0.0.1', port },
    log: { level: 'warn' },
    routes: [{ uri: '/*', upstream, plugins: { 'openid-connect': options } }]
  }))
  return await startProgram([process.execPath, PROGRAM, 'start', '--config', file, '--workers', String(workers)], { cores, port })
}
