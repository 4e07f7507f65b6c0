// `pnpm bench`: authenticated requests through fastify-oidc and its peers, against the stock proxy without any authentication.
import { spawnSync } from 'node:child_process'
import { cpus, loadavg, totalmem } from 'node:os'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CONTESTANTS } from './contestants.mjs'
import { chooseLoad } from './load/index.mjs'
import { hostOf } from './logins.mjs'
import { HELP, readOptions } from './options.mjs'
import { ask, probe } from './probe.mjs'
import { pinSelf, planCores } from './processes.mjs'
import { renderTable, save } from './report.mjs'
import { runRounds } from './rounds.mjs'
import { createStage } from './stage.mjs'
import { summarize } from './statistics.mjs'

const startedMs = Date.now()

function say (text) {
  console.error(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}

async function present (stage, wanted) {
  const [ready, skipped] = [[], []]
  for (const { name, group, title, start } of CONTESTANTS) {
    if (!wanted(name)) continue
    say(`starting ${name}`)
    const started = await start(stage)
    if (started.skip !== undefined) {
      say(`skipped ${name}: ${started.skip}`)
      skipped.push({ name, title, reason: started.skip })
      continue
    }
    const contestant = { name, group, title, ...started, headerSets: started.headerSets.map(headers => ({ host: hostOf(started.server.origin), ...headers })) }
    ready.push({ ...contestant, sizes: await probe(contestant) })
  }
  return { ready, skipped }
}

async function measureSession ({ server, headerSets: [headers] }) {
  const { bytes } = JSON.parse((await ask(server.origin, '/session-size', headers)).text)
  const { headers: { 'x-access-token': token } } = JSON.parse((await ask(server.origin, '/request', headers)).text)
  return { sessionBytes: bytes, accessTokenBytes: token.length }
}

async function measure (options, cores) {
  const stage = Object.assign(createStage(cores), { sessions: options.sessions })
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      stage.stop()
      process.exit(1)
    })
  }
  try {
    const load = chooseLoad(options.load, stage.folder)
    const { ready, skipped } = await present(stage, options.wanted)
    const cookie = ready.find(({ name }) => name === 'oidc-cookie')
    const sizes = cookie === undefined ? null : await measureSession(cookie)
    const { rounds: count, duration, warmUp, connections } = options
    const rounds = await runRounds(ready, { load, upstream: await stage.upstream(), rounds: count, duration, warmUp, connections, say })
    return { load: load.name, sizes, skipped, rounds, summary: summarize(ready, rounds) }
  } finally {
    stage.stop()
  }
}

const options = readOptions(process.argv.slice(2), CONTESTANTS.map(({ name }) => name))
if (options.help) console.log(HELP)
else {
  const cores = planCores()
  pinSelf(cores?.rest ?? null)
  const machine = { platform: process.platform, node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, memoryBytes: totalmem(), pinned: cores, loadBefore: loadavg() }
  const startedAt = new Date(startedMs).toISOString()
  const measured = await measure(options, cores)
  console.log(renderTable(measured.summary))
  const { output, reference, wanted: _wanted, help: _help, ...shown } = options
  const record = { startedAt, tookSeconds: Math.round((Date.now() - startedMs) / 1000), machine: { ...machine, loadAfter: loadavg() }, options: shown, ...measured }
  const files = save(record, output, reference ? 'reference' : startedAt.replace(/[:.]/g, '-'))
  console.log(`\nwritten to ${files.map(file => relative(process.cwd(), file)).join(' and ')}`)
  if (reference) process.exitCode = spawnSync(process.execPath, [fileURLToPath(new URL('../scripts/docs.mjs', import.meta.url))], { stdio: 'inherit' }).status
}
