// Loaded into the gateway's process before the gateway: says what it holds, and how long its event loop was kept waiting.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DELAY_RESOLUTION_MS } from './judge.mjs'

const lately = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
const measured = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
const toMs = nanoseconds => nanoseconds / 1e6

lately.enable()
measured.enable()

/** Without the collection that is asked for here: no gateway has that one. */
function collect () {
  lately.disable()
  measured.disable()
  globalThis.gc()
  lately.enable()
  measured.enable()
}

function look () {
  const delays = { p99Ms: toMs(lately.percentile(99)), maxMs: toMs(lately.max), measuredP99Ms: toMs(measured.percentile(99)), measuredMaxMs: toMs(measured.max) }
  collect()
  lately.reset()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return { ...delays, rss, heapUsed, external, cpuUs: user + system, sockets: process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length }
}

process.on('message', asked => {
  if (asked === 'measure') measured.reset()
  if (asked === 'sample') process.send(look())
})
process.channel.unref()
