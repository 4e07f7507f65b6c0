// What `npm test` runs: lint, types, tests. The first step that fails is the last.
//   npm test -- test/oidc/login.test.ts …   compiles, then runs just these files, without coverage
//   node scripts/check.mjs --coverage       compiles, then runs every test and prints the coverage
//   node scripts/check.mjs --unit           compiles, then runs all but the end-to-end tests, without coverage
//   node scripts/check.mjs --faults [file…] compiles, then runs test/faults (or just these files), one after the other, and prints the figures
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createTapReport } from './tap-report.mjs'
import { compileFolders } from './typescript/compiled.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const startedMs = Date.now()

function program (name, bin = name) {
  const folder = join(root, 'node_modules', name)
  const { bin: bins } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return join(folder, bins[bin])
}

function start (file, args, stdio) {
  const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: ['ignore', ...stdio] })
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(signal === null ? status : 1))
  })
  return { child, ended }
}

function seconds (sinceMs) {
  return `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`
}

async function runProgram (name, bin, args) {
  return await start(program(name, bin), args, ['inherit', 'inherit']).ended === 0
}

async function collectTail (stream, limit) {
  const lines = []
  for await (const line of createInterface({ input: stream })) {
    lines.push(line)
    if (lines.length > limit) lines.shift()
  }
  return lines
}

const sourceFolders = () => readdirSync(join(root, 'packages')).map(name => `packages/${name}/src`)

async function runTap (args, comments = 'of failed') {
  await compileFolders(['test', ...sourceFolders()])
  const { child, ended } = start(program('tap'), ['--reporter=tap', '--no-color', ...args], ['pipe', 'pipe'])
  const errors = collectTail(child.stderr, 200)
  const report = createTapReport(line => console.log(line), { comments })
  for await (const line of createInterface({ input: child.stdout })) report.line(line)
  const ok = await ended === 0
  const { counts, undone } = report.end()
  if (!ok && (await errors).length > 0) console.log(`\nThe last of what tests wrote to stderr:\n${(await errors).join('\n')}`)
  for (const { file, name, kind, reason } of undone) console.log(`  ${kind}: ${file}: ${name}${reason === '' ? '' : ` (${reason})`}`)
  const { passed = 0, failed = 0 } = counts ?? {}
  // A file that dies, a time-out and a plan that does not hold are failures that no assertion counts.
  return { passed, failed: ok && passed > 0 ? failed : Math.max(failed, 1) }
}

const build = { title: 'build', run: () => runProgram('typescript', 'tsc', ['-b']) }
const tests = args => ({ title: `tests (Node ${process.version})`, run: () => runTap(args) })

function faultFiles (named) {
  if (named.length > 0) return named
  return readdirSync(join(root, 'test/faults')).filter(name => name.endsWith('.test.ts')).map(name => `test/faults/${name}`)
}

function plan (args) {
  if (args[0] === '--coverage') return [build, tests([])]
  if (args[0] === '--unit') return [build, tests(['--disable-coverage', '--exclude=test/e2e/**', '--exclude=test/faults/**'])]
  if (args[0] === '--faults') return [build, { title: `faults (Node ${process.version})`, run: () => runTap(['--disable-coverage', '--jobs=1', '--timeout=3600', ...faultFiles(args.slice(1))], 'of all') }]
  if (args.length > 0) return [build, tests(['--disable-coverage', ...args])]
  return [
    { title: 'lint', run: () => runProgram('eslint', 'eslint', ['--max-warnings=0', '.']) },
    { title: 'types of the packages', run: build.run },
    { title: 'types of the tests', run: () => runProgram('typescript', 'tsc', ['-p', 'tsconfig.test.json']) },
    tests(['--disable-coverage'])
  ]
}

async function check (steps) {
  const summary = []
  for (const { title, run } of steps) {
    const stepMs = Date.now()
    console.log(`\n== ${title}`)
    const outcome = await run()
    const ok = typeof outcome === 'boolean' ? outcome : outcome.failed === 0
    summary.push(`  ${ok ? 'ok  ' : 'FAIL'} ${title}, ${seconds(stepMs)}`)
    if (!ok || typeof outcome !== 'boolean') return { ok, summary, outcome }
  }
  return { ok: true, summary, outcome: true }
}

const { ok, summary, outcome } = await check(plan(process.argv.slice(2)))
console.log(`\n== summary, ${seconds(startedMs)}\n${summary.join('\n')}`)
if (typeof outcome !== 'boolean') console.log(`${outcome.passed} passed, ${outcome.failed} failed`)
process.exitCode = ok ? 0 : 1
