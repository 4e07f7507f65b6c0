import t from 'tap'
import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { readOptions } from '../../bench/options.mjs'
import { performanceMarkdown, type BenchRecord } from '../../scripts/docs/performance.mjs'

const run = promisify(execFile)
const program = fileURLToPath(new URL('../../bench/run.mjs', import.meta.url))

t.test('--quick shortens what is not written', async t => {
  t.match(readOptions([], ['bare']), { rounds: 21, duration: 1, warmUp: 5, connections: 32, sessions: 1000, quick: false, reference: false })
  t.match(readOptions(['--', '--quick', '--rounds', '5'], ['bare']), { rounds: 5, duration: 1, warmUp: 1, connections: 32, sessions: 100, quick: true })
})

t.test('--only always has the one that the others are compared with, and knows names', async t => {
  const { wanted } = readOptions(['--only', 'b,c'], ['a', 'b', 'c', 'd'])
  t.same(['a', 'b', 'c', 'd'].filter(wanted), ['a', 'b', 'c'])
  t.throws(() => readOptions(['--only', 'b,x'], ['a', 'b']), { message: '--only: no contestant x; there are a, b' })
})

t.test('what is no number above 0, no load and no option stops it', async t => {
  for (const value of ['0', '-1', '1.5', 'many']) t.throws(() => readOptions([`--rounds=${value}`], ['a']), { message: '--rounds must be a whole number above 0' })
  t.throws(() => readOptions(['--warm-up=-1'], ['a']), { message: '--warm-up must be a whole number, 0 or above' })
  t.throws(() => readOptions(['--load', 'ab'], ['a']), { message: '--load must be wrk or autocannon' })
  t.throws(() => readOptions(['--round', '1'], ['a']))
})

t.test('a run with one contestant logs in, loads, and leaves a record and a picture', async t => {
  const folder = t.testdir()
  const args = ['--quick', '--rounds', '1', '--warm-up', '0', '--sessions', '3', '--connections', '2', '--load', 'autocannon', '--only', 'oidc-cookie', '--output', folder]
  const { stdout, stderr } = await run(process.execPath, [program, ...args], { env: { ...process.env, NODE_OPTIONS: '' } })
  t.match(stdout, /^fastify-oidc \+ proxy, cookie session +\d+ +\d\.\d\d/m)
  t.match(stderr, /round 1 of 1: bare \d+\/s, oidc-cookie \d+\/s/)
  const files = readdirSync(folder).sort()
  t.match(files, [/^2.*\.json$/, /^2.*\.svg$/])
  const record = JSON.parse(readFileSync(join(folder, files[0] ?? ''), 'utf8')) as BenchRecord
  t.match(record, { load: 'autocannon', skipped: [], options: { sessions: 3, rounds: 1 } })
  const [bare, ours] = record.summary
  t.match([bare?.name, ours?.name], ['bare', 'oidc-cookie'])
  t.match(ours, { setCookieBytes: 0, note: null })
  t.ok((ours?.cookieBytes ?? 0) > 500 && (ours?.upstreamBytes ?? 0) > (bare?.upstreamBytes ?? 0) + 1000, 'a session went in, and identity went on')
  t.match(performanceMarkdown(record), /\| fastify-oidc \+ proxy, cookie session \(`oidc-cookie`\) \|/)
})
