// Load from autocannon, where there is no wrk. Its own latencies are whole milliseconds; these are microseconds.
import { createHistogram } from 'node:perf_hooks'
import autocannon from 'autocannon'

/** What each connection asks with: all of them together, every set once before the first comes again. */
export function shareOut (headerSets, connections) {
  if (headerSets.length < connections) return Array.from({ length: connections }, (_, index) => [headerSets[index % headerSets.length]])
  return Array.from({ length: connections }, (_, index) => headerSets.filter((_set, at) => at % connections === index))
}

export async function fireAutocannon ({ origin, headerSets }, { connections, duration }) {
  const latencies = createHistogram()
  const shares = shareOut(headerSets, connections)
  const running = autocannon({
    url: `${origin}/`,
    connections,
    duration,
    setupClient: client => client.setRequests(shares.pop().map(headers => ({ method: 'GET', path: '/', headers })))
  })
  running.on('response', (_client, _status, _bytes, durationMs) => latencies.record(Math.max(1, Math.round(durationMs * 1000))))
  const { requests, duration: seconds, non2xx, errors } = await running
  return { requests: requests.total, seconds, p50Ms: latencies.percentile(50) / 1000, p99Ms: latencies.percentile(99) / 1000, non2xx, errors }
}
