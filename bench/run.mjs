// `pnpm bench`: authenticated requests through fastify-oidc and its proxy, against the same proxy without any authentication.
//   --rounds N (7)  --duration SECONDS (6)  --connections N (32)  --quick (3 rounds of 2 s: a look, no figure)
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import autocannon from 'autocannon'
import { startContestants } from './contestants.mjs'
import { pinSelf, planCores } from './processes.mjs'
import { summarize } from './statistics.mjs'

/** Seconds for each contestant; the compiler is still at work in the first four. */
const WARM_UP = 6

function readOptions () {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter(argument => argument !== '--'),
    options: { rounds: { type: 'string' }, duration: { type: 'string' }, connections: { type: 'string' }, quick: { type: 'boolean' } }
  })
  const number = (name, normal, quick) => {
    const value = Number(values[name] ?? (values.quick ? quick : normal))
    if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} must be a whole number above 0`)
    return value
  }
  return { rounds: number('rounds', 7, 3), duration: number('duration', 6, 2), connections: number('connections', 32, 32) }
}

async function fire ({ title, server, headers }, { duration, connections }) {
  const cpuBefore = await server.cpuUs()
  const result = await autocannon({ url: `${server.origin}/`, connections, duration, headers })
  const cpuUs = await server.cpuUs() - cpuBefore
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${title}: ${result.non2xx} answers other than 2xx, ${result.errors} errors`)
  return { requestsPerSecond: result.requests.total / result.duration, cpuUsPerRequest: cpuUs / result.requests.total, p50Ms: result.latency.p50, p99Ms: result.latency.p99 }
}

/** Every contestant once, beginning with another one each round. */
async function runRound (contestants, options, index) {
  const first = index % contestants.length
  const results = {}
  for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) results[contestant.name] = await fire(contestant, options)
  return results
}

function printTable (summary) {
  const rows = [['', 'requests/s', 'ratio', 'range', 'CPU us/request', 'CPU ratio', 'p50 ms', 'p99 ms'], ...summary.map(row =>
    [row.title, row.requestsPerSecond, row.ratio.toFixed(2), row.ratioRange.map(ratio => ratio.toFixed(2)).join('–'), row.cpuUsPerRequest, row.cpuRatio.toFixed(2), row.p50Ms, row.p99Ms].map(String))]
  const widths = rows[0].map((_, column) => Math.max(...rows.map(row => row[column].length)))
  for (const row of rows) console.log(row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])).join('  '))
}

function save (record) {
  const folder = new URL('results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const file = fileURLToPath(new URL(`${record.startedAt.replace(/[:.]/g, '-')}.json`, folder))
  writeFileSync(file, `${JSON.stringify(record, null, 2)}\n`)
  console.log(`\nwritten to ${relative(process.cwd(), file)}`)
}

async function measure (options, cores) {
  const { contestants, sizes, stop } = await startContestants(cores)
  try {
    console.log(`session ${sizes.sessionBytes} bytes (access token ${sizes.accessTokenBytes}, cookie ${sizes.cookieHeaderBytes}), ${options.connections} connections, ${options.rounds} rounds of ${options.duration} s`)
    for (const contestant of contestants) await fire(contestant, { ...options, duration: WARM_UP })
    const rounds = []
    for (let index = 0; index < options.rounds; index++) {
      rounds.push(await runRound(contestants, options, index))
      console.log(`round ${index + 1}: ${contestants.map(({ name }) => `${name} ${Math.round(rounds[index][name].requestsPerSecond)}/s`).join(', ')}`)
    }
    return { sizes, rounds, summary: summarize(contestants, rounds) }
  } finally {
    stop()
  }
}

const options = readOptions()
const cores = planCores()
pinSelf(cores?.rest ?? null)
const machine = { node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, pinned: cores, loadBefore: loadavg() }
const startedAt = new Date().toISOString()
const measured = await measure(options, cores)
console.log()
printTable(measured.summary)
save({ startedAt, machine: { ...machine, loadAfter: loadavg() }, options, ...measured })
