import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { Browser } from 'fastify-oidc-testing'
import { freePort } from '../support/free-port.ts'

/** What `npm start` runs, built. */
const MAIN = fileURLToPath(new URL('../../examples/demo/dist/main.js', import.meta.url))

interface Demo {
  readonly child: ChildProcess
  readonly output: () => string
  /** Resolves when this stands in the output, or the program has ended. */
  printed (text: string): Promise<void>
  readonly ended: Promise<readonly [code: number | null, signal: string | null]>
}

function startDemo (t: Test, port: string): Demo {
  const child = spawn(process.execPath, [MAIN], { env: { ...process.env, PORT: port, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const ended = once(child, 'close') as unknown as Demo['ended']
  t.teardown(async () => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await ended
  })
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { output += chunk })
  const printed = async (text: string): Promise<void> => {
    while (!output.includes(text) && child.exitCode === null) await Promise.race([once(child.stdout, 'data'), ended])
  }
  return { child, output: () => output, printed, ended }
}

t.test('the demo logs in, shows the upstream who it is, logs out and asks again', async t => {
  const port = await freePort()
  const demo = startDemo(t, String(port))
  await demo.printed('upstream')
  t.match(demo.output(), new RegExp(`Open +http://127\\.0\\.0\\.1:${port}/\\s+Sign in +as alice or bob`))
  const browser = new Browser()
  const form = await browser.navigate(`http://127.0.0.1:${port}/orders?x=1`)
  const page = await browser.submit(await browser.submit(form, { login: 'bob', password: 'x' }), { decision: 'allow' })
  t.equal(page.url.href, `http://127.0.0.1:${port}/orders?x=1`)
  t.match(page.body, 'Hello, Bob Example')
  t.match(page.body, 'x-access-token')
  t.match(page.body, 'x-userinfo')
  const bye = await browser.navigate(new URL('/logout', page.url), { from: page.url })
  t.match(bye.body, '<h1>Sign in</h1>', 'the way back to / asks for a login')
  t.ok(bye.history.some(({ url }) => url.pathname === '/session/end'), 'the provider was told')

  demo.child.kill('SIGINT')
  t.same(await demo.ended, [0, null], 'and stops with 0')
  t.notMatch(demo.output(), /"level":|WARNING|Error/, 'quietly')
})

t.test('SIGTERM stops it as well', async t => {
  const demo = startDemo(t, String(await freePort()))
  await demo.printed('upstream')
  demo.child.kill('SIGTERM')
  t.same(await demo.ended, [0, null])
})

t.test('a taken port is a message with the remedy, and exit code 1', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const { port } = taken.address() as AddressInfo
  const demo = startDemo(t, String(port))
  t.same(await demo.ended, [1, null])
  t.match(demo.output(), `Port ${port} is taken. Stop what listens there, or choose another: PORT=${port + 1} npm start`)
  t.notMatch(demo.output(), / at .*\.js:\d/, 'no stack')
})

t.test('a PORT that is none is a message, and exit code 1', async t => {
  const demo = startDemo(t, 'http')
  t.same(await demo.ended, [1, null])
  t.equal(demo.output(), 'PORT must be a port number, 1 to 65535.\n')
})
