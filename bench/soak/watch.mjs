// Loaded into the gateway's process before the gateway: says what it holds, and how long its event loop was kept waiting.
import { monitorEventLoopDelay } from 'node:perf_hooks'

// The timer that measures fires every 10 ms, and that is part of the delays: the p99 of a process that does nothing is just above 10 ms.
const RESOLUTION = 10
const lately = monitorEventLoopDelay({ resolution: RESOLUTION })
const measured = monitorEventLoopDelay({ resolution: RESOLUTION })
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
  const delays = { p99Ms: toMs(lately.percentile(99)), maxMs: toMs(lately.max), measuredP99Ms: toMs(measured.percentile(99)) }
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
