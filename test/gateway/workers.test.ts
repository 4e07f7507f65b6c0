import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import { createGateway, type GatewayOptions } from 'fastify-oidc-gateway'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { parseArguments } from '../../packages/gateway/src/cli/arguments.ts'
import { checkConfiguration } from '../../packages/gateway/src/configuration/check.ts'
import { createWorkerPool } from '../../packages/gateway/src/workers/pool.ts'
import type { PoolWorker, WorkerEnd } from '../../packages/gateway/src/workers/worker.ts'
import { startUpstream } from './parts.ts'
import { readText, spawnProgram } from './program.ts'
import { freePort } from '../support/free-port.ts'

type Line = Readonly<Record<string, unknown>> & { readonly msg: string, readonly pid: number }

/** Log lines as they come, and those that were there. */
function readLog (stream: NodeJS.ReadableStream): { readonly lines: Line[], until (text: string, seen?: number): Promise<Line> } {
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: stream }).on('line', line => {
    lines.push(JSON.parse(line) as Line)
    for (const look of waiting) look()
  })
  return {
    lines,
    until: (text, seen = 1) => new Promise(resolve => {
      const look = (): void => {
        const found = lines.filter(({ msg }) => msg.startsWith(text))[seen - 1]
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
    })
  }
}

async function startPool (t: Test, configuration: GatewayOptions, args: readonly string[] = []) {
  const folder = t.testdir({ 'gateway.json': JSON.stringify(configuration) })
  const file = `${folder}/gateway.json`
  const child = spawnProgram(t, ['start', '-c', file, ...args])
  const log = readLog(child.stdout)
  const { msg } = await log.until('listening at')
  return { child, log, file, origin: msg.replace('listening at ', '') }
}

const workersOf = ({ lines }: { readonly lines: readonly Line[] }): number[] => lines.filter(({ msg }) => msg.startsWith('a worker is listening')).map(({ pid }) => pid)

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

t.test('two workers serve one session: renewed once, logged out at both, their requests counted together', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const metricsPort = await freePort()
  const port = await freePort()
  const { child, log } = await startPool(t, {
    listen: { port },
    workers: 2,
    metrics: { port: metricsPort },
    routes: [{
      uri: '/*',
      upstream: await startUpstream(t),
      plugins: { 'openid-connect': { discovery: provider.discovery, client_id: provider.clientId, client_secret: provider.clientSecret, session: { secret: 'a session secret that is long enough' } } }
    }]
  })
  const origin = `http://127.0.0.1:${port}`
  const browser = new Browser()
  const landed = await browser.navigate(`${origin}/deep?x=1`)
  t.equal(landed.status, 200)
  const cookie = browser.cookieHeader(origin)
  const ask = async (): Promise<number> => (await fetch(`${origin}/x`, { headers: { cookie, connection: 'close', 'sec-fetch-mode': 'cors' }, redirect: 'manual' })).status
  t.same(await Promise.all(Array.from({ length: 20 }, ask)), Array(20).fill(200))
  const pids = new Set(log.lines.filter(({ msg }) => msg === 'request completed').map(({ pid }) => pid))
  t.equal(pids.size, 2, 'both served')

  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  const counted = [...text.matchAll(/^oidc_gateway_http_request_duration_seconds_count\{route="routes\[0\]",method="GET",status="2xx"\} (\d+)$/gm)]
  t.same(counted.map(([, count]) => Number(count)), [21])
  const identities = [...text.matchAll(/^oidc_gateway_memory_(?:hits|misses)_total\{route="routes\[0\]",memory="identities"\} (\d+)$/gm)]
  t.equal(identities.reduce((sum, [, count]) => sum + Number(count), 0), 21, 'what the workers remember, too')
  t.match(text, /^oidc_gateway_sessions_reachable\{route="routes\[0\]"\} 1$/m)

  await browser.navigate(`${origin}/logout`)
  t.same(await Promise.all(Array.from({ length: 20 }, ask)), Array(20).fill(401), 'a copy of the cookie is worth nothing anywhere')
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
})

/** Asks without a pause, over connections that stay open, until it is told to end. */
function keepAsking (origin: string, connections: number): { end (): Promise<{ readonly answers: number, readonly failures: readonly string[] }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const failures: string[] = []
  const state = { goesOn: true }
  let answers = 0
  const ask = async (): Promise<void> => {
    const outgoing = httpRequest(`${origin}/x`, { agent })
    outgoing.end()
    try {
      const [response] = await once(outgoing, 'response') as [IncomingMessage]
      response.resume()
      await once(response, 'end')
      if (response.statusCode === 200) answers++
      else failures.push(String(response.statusCode))
    } catch (error) {
      // A connection that was closed while nothing was under way: every client asks again.
      if (!outgoing.reusedSocket || (error as NodeJS.ErrnoException).code !== 'ECONNRESET') failures.push(String(error))
    }
  }
  const loops = Array.from({ length: connections }, async () => { while (state.goesOn) await ask() })
  return {
    async end () {
      state.goesOn = false
      await Promise.all(loops)
      agent.destroy()
      return { answers, failures }
    }
  }
}

t.test('SIGHUP replaces the workers one after another under load, and takes over what changed; a broken file changes nothing', async t => {
  const port = await freePort()
  const configuration = (status: number): GatewayOptions => ({ listen: { port }, log: { level: 'info' }, routes: [{ uri: '/x', upstream: 'static://200' }, { uri: '/y', upstream: `static://${status}` }] })
  const { child, log, file, origin } = await startPool(t, configuration(200), ['--workers', '2'])
  const load = keepAsking(origin, 4)

  await writeFile(file, JSON.stringify(configuration(204)))
  child.kill('SIGHUP')
  await log.until('the configuration was read again, and the workers were replaced')
  t.equal((await fetch(`${origin}/y`)).status, 204)
  const [first = 0, second = 0, third = 0, fourth = 0, ...more] = workersOf(log)
  t.same(more, [])
  t.same([first, second, third, fourth].map(isAlive), [false, false, true, true])

  await writeFile(file, '{ "routes": 1 }')
  child.kill('SIGHUP')
  const refused = await log.until('the workers were not replaced: the configuration does not hold')
  t.match(refused.problems, [/gateway\.json:1:\d+ {2}routes/])
  await writeFile(file, JSON.stringify({ ...configuration(200), listen: { host: '203.0.113.1', port } }))
  child.kill('SIGHUP')
  await log.until('a new worker could not start: the old ones go on')
  t.same([third, fourth].map(isAlive), [true, true])

  const { answers, failures } = await load.end()
  t.same(failures, [])
  t.ok(answers > 100, `${answers} answers`)
  child.kill('SIGTERM')
  t.same(await once(child, 'exit'), [0, null])
  t.same([third, fourth].map(isAlive), [false, false])
})

t.test('a worker that dies is replaced; with the primary all end', async t => {
  const { child, log, origin } = await startPool(t, { listen: { port: await freePort() }, routes: [{ uri: '/x', upstream: 'static://200' }] }, ['--workers=2'])
  const [first = 0, second = 0] = workersOf(log)
  process.kill(first, 'SIGKILL')
  t.match(await log.until('a worker ended unasked'), { level: 50, worker_pid: first, signal: 'SIGKILL' })
  const { worker_pid: third } = await log.until('a worker took the place of one that ended')
  t.equal((await fetch(`${origin}/x`)).status, 200)
  t.same([second, Number(third)].map(isAlive), [true, true])
  child.kill('SIGKILL')
  // They write to the primary's output: it closes with the last of them, whoever reaps them.
  await once(child, 'close')
})

t.test('workers that cannot start are one message and exit code 1', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as AddressInfo
  const folder = t.testdir({ 'gateway.json': JSON.stringify({ listen: { port }, routes: [{ uri: '/x', upstream: 'static://200' }] }) })
  const child = spawnProgram(t, ['start', '-c', `${folder}/gateway.json`, '--workers', '3'])
  const [[code], err] = await Promise.all([once(child, 'exit') as Promise<[number]>, readText(child.stderr)])
  t.equal(code, 1)
  t.match(err, /^oidc-gateway: .*EADDRINUSE.*\noidc-gateway: A worker ended before it listened: exit code 1\n$/)
})

t.test('what several workers would not agree on is refused before they start', async t => {
  const options = { discovery: 'https://idp.example/.well-known/openid-configuration', client_id: 'app', client_secret: 'hunter2' }
  const check = async (coordination: string | undefined, workers: number | 'auto', given: number | 'auto' | null = null) => {
    const plugin = { ...options, session: { secret: 'a session secret that is long enough', ...(coordination === undefined ? {} : { coordination }) } }
    return await checkConfiguration({ value: { workers, routes: [{ uri: '/*', upstream: 'static://200', plugins: { 'openid-connect': plugin } }] }, positionOf: () => null }, { workers: given })
  }
  for (const [workers, given] of [[2, null], ['auto', null], [1, 2]] as const) {
    t.match(await check('process', workers, given), { kind: 'invalid', problems: [{ path: ['routes', '0', 'plugins', 'openid-connect', 'session', 'coordination'], message: /^is process, and several workers would not know/ }] })
  }
  t.match(await check('process', 2, 1), { kind: 'valid', configuration: { workers: 1 } })
  t.match(await check(undefined, 2), { kind: 'valid', configuration: { workers: 2, cores: [{ options: { session: { coordination: 'workers' } } }] } })
  const alone = await check(undefined, 1)
  t.notOk(alone.kind === 'valid' && JSON.stringify(alone.configuration.cores).includes('coordination'))
  for (const workers of [0, 257, 1.5, 'all']) t.match(await check(undefined, workers as number), { kind: 'invalid', problems: [{ path: ['workers'] }] })
  await t.rejects(createGateway({ workers: 2, routes: [{ uri: '/*', upstream: 'static://200' }] }), { code: 'FST_OIDC_GATEWAY_CONFIGURATION_INVALID', message: /workers is for oidc-gateway start/ })
})

t.test('--workers is a number or auto, for start', async t => {
  t.match(parseArguments(['start', '-c', 'f', '--workers', 'auto']), { kind: 'run', source: { workers: 'auto' } })
  t.match(parseArguments(['start', '-c', 'f', '--workers=4']), { kind: 'run', source: { workers: 4 } })
  for (const wrong of ['0', 'all', '1.5', '257', '-1']) t.match(parseArguments(['start', '-c', 'f', `--workers=${wrong}`]), { kind: 'misuse', message: /--workers must be auto, or a number from 1 to 256/ })
  t.match(parseArguments(['check', '-c', 'f', '--workers', '2']), { kind: 'misuse', message: '--workers is for start' })
})

/** A worker that ends when it is told to, and never began to serve where it is `broken`. */
function fakeWorker (id: number, isBroken: boolean): PoolWorker & { die (): void } {
  let die = (): void => {}
  const ended = new Promise<WorkerEnd>(resolve => { die = () => { resolve({ code: 1, signal: null }) } })
  if (isBroken) die()
  const serving = isBroken ? ended.then(() => { throw new Error('broken') }) : Promise.resolve('http://127.0.0.1:1')
  serving.catch(() => {})
  return { id, pid: id, serving, ended, metrics: async () => null, stop: async () => { die() }, kill: die, die }
}

t.test('a lost worker is missed for longer and longer while none can start', async t => {
  const said: object[] = []
  const recovered: { resolve (): void } = { resolve: () => {} }
  const log = { info: () => { recovered.resolve() }, error: (facts: object) => { said.push(facts) } }
  const isBroken = [false, true, true, true, false]
  const started: Array<ReturnType<typeof fakeWorker>> = []
  const pool = createWorkerPool({
    log,
    firstDelayMs: 2,
    start: () => {
      const worker = fakeWorker(started.length, isBroken[started.length] ?? false)
      started.push(worker)
      return worker
    }
  })
  t.equal(await pool.open(1), 'http://127.0.0.1:1')
  const back = new Promise<void>(resolve => { recovered.resolve = resolve })
  started[0]?.die()
  await back
  t.match(said, [{ worker: 0, code: 1 }, { again_in_seconds: 0.004 }, { again_in_seconds: 0.008 }, { again_in_seconds: 0.016 }])
  t.equal(started.length, 5)
  t.same(await pool.metrics(), [], 'one that does not answer is left out')
  await pool.close()
  await t.rejects(createWorkerPool({ log, start: () => fakeWorker(0, true) }).open(2), { message: 'broken' })
})
