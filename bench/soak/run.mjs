// `npm run soak`: a gateway at its limit, with logins, renewals and logouts mixed in; then a verdict.
import { setTimeout as wait } from 'node:timers/promises'
import { loadavg } from 'node:os'
import { pinSelf, planCores } from '../processes.mjs'
import { repeat } from '../repeat.mjs'
import { createStage } from '../stage.mjs'
import { KINDS, startSoakedGateway } from './gateway.mjs'
import { DELAY_RESOLUTION_MS, judge, serverErrorsIn } from './judge.mjs'
import { HELP, readSoakOptions } from './options.mjs'
import { createCrowd } from './visitors.mjs'
import { askAndGo, openWire } from './wire.mjs'

const LEEWAY = 5
const MB = 2 ** 20
const sum = table => Object.values(table).reduce((total, count) => total + count, 0)

/** Longer than anybody stays, and short: a mark of each logout is kept for as long as a session may live. */
const longestLifeOf = ({ sessions, changes }) => Math.ceil(sessions / changes * 1.5) + 60

async function open (options, stage) {
  const redis = await stage.redis()
  if (redis === null) throw new Error('there is no redis-server here')
  const provider = await stage.start('provider', { tokenSize: 380, ttl: { accessToken: options.tokenLife } }, stage.cores?.rest)
  const upstream = await stage.upstream()
  const gateway = await stage.keep(startSoakedGateway({ folder: stage.folder, cores: stage.cores?.server ?? null, upstream: upstream.origin, options: provider.options, redis, leeway: LEEWAY, longestLife: longestLifeOf(options) }))
  return { gateway, crowd: createCrowd({ origin: gateway.origin, issuer: provider.issuer }) }
}

/** Everything that goes on until the signal. */
function load ({ connections, changes }, { gateway, crowd }, signal) {
  const port = new URL(gateway.origin).port
  const failed = what => error => { crowd.fault(`${what}: ${error.cause?.message ?? error.message}`) }

  async function ask () {
    while (!signal.aborted) {
      const wire = await openWire(port)
      try {
        while (!signal.aborted) await crowd.step(wire)
      } catch (error) {
        failed('a request')(error)
      } finally {
        wire.close()
      }
    }
  }

  async function change (kind) {
    const wire = await openWire(port)
    try {
      await Promise.all([crowd.arrive(kind).catch(failed('a login')), crowd.leave(wire, kind).catch(failed('a logout'))])
    } finally {
      wire.close()
    }
  }

  async function keepChanging () {
    const underWay = new Set()
    for (let turn = 0; !signal.aborted; turn++) {
      const done = change(KINDS[turn % KINDS.length]).catch(failed('a change')).finally(() => underWay.delete(done))
      underWay.add(done)
      await wait(1000 / changes)
    }
    await Promise.all(underWay)
  }

  async function keepAbandoning () {
    while (!signal.aborted) {
      await askAndGo(port, crowd.requestOfSomebody())
      await wait(500)
    }
  }

  return Promise.all([...Array.from({ length: connections }, ask), keepChanging(), keepAbandoning()])
}

function describe (sample, before, { counts, faults, size }) {
  const seconds = sample.second - before.second
  return [
    `${sample.second.toFixed(0).padStart(4)} s`,
    `${((counts.requests - before.requests) / seconds).toFixed(0)}/s`,
    `gateway ${((sample.cpuUs - before.cpuUs) / seconds / 1e4).toFixed(0)} % of a core`,
    `RSS ${(sample.rss / MB).toFixed(1)} MB`,
    `heap ${(sample.heapUsed / MB).toFixed(1)} MB`,
    `buffers ${(sample.external / MB).toFixed(1)} MB`,
    `late p99 ${(sample.p99Ms - DELAY_RESOLUTION_MS).toFixed(1)} max ${(sample.maxMs - DELAY_RESOLUTION_MS).toFixed(0)} ms`,
    `${sample.sockets} sockets`,
    `${size} sessions`,
    `logins ${counts.logins}, renewals ${sum(counts.renewals)}, logouts ${sum(counts.logouts)}`,
    `statuses ${JSON.stringify(counts.statuses)}`,
    `faults ${faults.length}`
  ].join(' | ')
}

/** Answers the samples. The first third is for what fills up, and delays count behind it. */
async function watch ({ minutes, every }, { gateway, crowd }, startedMs) {
  const samples = []
  const duration = minutes * 60
  let [before, measuring] = [{ second: 0, requests: crowd.counts.requests, cpuUs: (await gateway.sample()).cpuUs }, false]
  for (let next = every; next < duration + every; next += every) {
    const due = Math.min(next, duration)
    await wait(Math.max(startedMs + due * 1000 - performance.now(), 0))
    const sample = { second: (performance.now() - startedMs) / 1000, requests: crowd.counts.requests, ...await gateway.sample() }
    console.log(describe(sample, before, crowd))
    samples.push(sample)
    before = sample
    if (!measuring && due >= duration / 3) {
      gateway.measure()
      measuring = true
    }
  }
  return samples
}

function saturationOf (samples) {
  const settled = samples.filter(({ second }) => second > samples.at(-1).second / 3)
  const [first, last] = [settled[0], settled.at(-1)]
  return (last.cpuUs - first.cpuUs) / 1e6 / (last.second - first.second)
}

async function soak (options, stage) {
  const ground = await open(options, stage)
  const { gateway, crowd } = ground
  console.log(`logging in ${options.sessions} sessions`)
  await crowd.arrive(KINDS[0])
  await repeat(options.sessions - 1, turn => crowd.arrive(KINDS[turn % KINDS.length]))
  const over = new AbortController()
  const startedMs = performance.now()
  const loaded = load(options, ground, over.signal)
  const samples = await Promise.race([watch(options, ground, startedMs), loaded.then(() => { throw new Error('the load ended by itself') })])
  over.abort()
  await loaded
  const { counts, faults } = crowd
  const { measuredP99Ms, measuredMaxMs } = samples.at(-1)
  console.log(`warnings of the gateway: ${JSON.stringify(Object.fromEntries(gateway.log.warnings))}`)
  return judge({ samples, counts, kinds: KINDS, faults, logged: gateway.log.errors, serverErrors: serverErrorsIn(await gateway.metrics()), delayP99Ms: measuredP99Ms, delayMaxMs: measuredMaxMs, saturation: saturationOf(samples) })
}

const options = readSoakOptions(process.argv.slice(2))
if (options.help) console.log(HELP)
else {
  const cores = planCores()
  pinSelf(cores?.rest ?? null)
  const stage = createStage(cores)
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      stage.stop()
      process.exit(1)
    })
  }
  console.log(`${options.minutes} minutes, Node ${process.version}, cores ${JSON.stringify(cores)}, load average ${loadavg().map(value => value.toFixed(2)).join(' ')}`)
  try {
    const verdict = await soak(options, stage)
    for (const { name, ok, text } of verdict) console.log(`${ok ? 'ok  ' : 'FAIL'} ${name}: ${text}`)
    process.exitCode = verdict.every(({ ok }) => ok) ? 0 : 1
  } finally {
    stage.stop()
  }
}
