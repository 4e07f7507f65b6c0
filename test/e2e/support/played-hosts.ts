import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTerminator } from 'node:tls'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { readText, spawnProgram } from '../../gateway/program.ts'
import { playedCa, playedCertificate } from './played-certificates.ts'

/** Ports of this machine by the addresses that they play, such as `example.corp.com:443`. */
export type Played = Readonly<Record<string, number>>

const preload = fileURLToPath(new URL('played-addresses.mjs', import.meta.url))

async function portOf (t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

/** Ends TLS for hosts, by the names that are asked for, and passes on what is inside. Answers its port. */
export async function startTerminator (t: Test, ports: Played): Promise<number> {
  return await portOf(t, createTerminator({ ...playedCertificate, ca: playedCa }, socket => {
    const inside = connect(ports[String(socket.servername)] ?? 1, '127.0.0.1')
    t.teardown(() => { socket.destroy() })
    // Either end may hang up at any time.
    socket.on('error', () => { inside.destroy() }).pipe(inside)
    inside.on('error', () => { socket.destroy() }).pipe(socket)
  }))
}

/** What the service behind a gateway was asked. */
export interface Visit { readonly url: string, readonly headers: IncomingHttpHeaders }

/** The service of the documents: the same at a port without TLS and at one with it. Each visit is taken once. */
export async function startService (t: Test): Promise<{ readonly port: number, readonly securePort: number, takeVisits (): readonly Visit[] }> {
  const visits: Visit[] = []
  const [plain, secure] = [createServer(), createTlsServer(playedCertificate)]
  for (const server of [plain, secure]) {
    server.on('request', ({ url = '', headers }, response) => {
      // Browsers ask for it by themselves.
      if (url !== '/favicon.ico') visits.push({ url, headers })
      response.setHeader('content-type', 'text/html').end('<!doctype html><title>The service</title><h1>The service</h1>')
    })
    t.teardown(() => { server.closeAllConnections() })
  }
  return { port: await portOf(t, plain), securePort: await portOf(t, secure), takeVisits: () => visits.splice(0) }
}

export interface Program {
  /** Ends it, and waits until its port is free. */
  stop (): Promise<void>
}

/**
 * Runs `oidc-gateway start --from ORIGIN` as a program, in a world where addresses lead to ports of this machine.
 * Resolves once it listens; rejects with what it wrote when it ends instead.
 */
export async function startImported (t: Test, args: readonly string[], played: Played, environment: NodeJS.ProcessEnv = {}, origin: 'oauth2-proxy' | 'kong' = 'oauth2-proxy'): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-oidc-played-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  const ca = join(folder, 'ca.pem')
  await writeFile(ca, playedCa)
  const child = spawnProgram(t, ['start', '--from', origin, ...args], {
    ...environment,
    NODE_EXTRA_CA_CERTS: ca,
    NODE_OPTIONS: `--import=${preload}`,
    PLAYED_ADDRESSES: JSON.stringify(played)
  })
  const exited = once(child, 'exit')
  const complaint = readText(child.stderr)
  const listening = new Promise<void>(resolve => {
    let text = ''
    child.stdout.on('data', chunk => {
      text += String(chunk)
      if (text.includes('"listening at ')) resolve()
    })
  })
  await Promise.race([listening, exited.then(async ([code]) => { throw new Error(`it ends with ${String(code)}: ${await complaint}`) })])
  return {
    async stop () {
      child.kill('SIGKILL')
      await exited
    }
  }
}
