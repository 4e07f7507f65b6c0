import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { Browser, createTestProvider } from 'fastify-oidc-testing'
import { sessionStoreContract } from 'fastify-oidc-session-store/contract'
import { exampleEnvironment, exampleFolder, runProgram } from './running-example.ts'

const FOLDER = exampleFolder('custom-store')

// A process of its own: it runs beside the logins.
const tested = promisify(execFile)(process.execPath, ['--test', '--test-reporter=tap'], { cwd: FOLDER, env: { ...process.env, NODE_OPTIONS: '' }, maxBuffer: 2 ** 24 })

t.test('the custom store keeps sessions when its process is killed, and ends all of a user', async t => {
  const provider = await createTestProvider({ autoLogin: 'alice' })
  t.teardown(async () => { await provider.close() })
  const environment = { ...exampleEnvironment(provider), DATABASE_FOLDER: t.testdir() }
  const [laptop, phone] = [new Browser(), new Browser()]

  const first = await runProgram(t, FOLDER, 'server.js', environment)
  const { origin } = first
  const status = async (browser: Browser): Promise<number> => (await browser.fetch(`${origin}/`)).status
  t.equal((await laptop.navigate(`${origin}/`)).body, 'Hello alice\n')
  t.equal(await first.stop('SIGKILL'), null)

  const second = await runProgram(t, FOLDER, 'server.js', { ...environment, PORT: new URL(origin).port })
  t.equal(await status(laptop), 200, 'the session is in the database')
  t.equal(await status(phone), 401)
  t.equal((await phone.navigate(`${origin}/`)).body, 'Hello alice\n')
  t.same(JSON.parse((await phone.fetch(`${origin}/sign-out-everywhere`, { method: 'POST' })).body), { ended: 2 })
  t.equal(await status(phone), 401)
  t.equal(await status(laptop), 401)
  t.equal(await second.stop('SIGTERM'), 0, 'it ends in order')
})

t.test('the tests of the custom store pass, the whole contract among them', async t => {
  const { stdout } = await tested
  const passed = [...stdout.matchAll(/^ok \d+ - (.*)$/gm)].map(([, name]) => name)
  for (const { name } of sessionStoreContract) t.ok(passed.includes(name.replaceAll('#', '\\#')), name)
  t.match(stdout, /^# fail 0$/m)
})
