// What a soak has shown. Pure, so that it can be seen to fail.

/** Megabytes of 2^20 bytes, and minutes. */
export const BOUNDS = {
  rssPerMinute: 1.5,
  rssBetweenThirds: 6,
  heapPerMinute: 0.4,
  heapBetweenThirds: 2,
  socketsBetweenThirds: 8,
  lateP99Ms: 20,
  lateMaxMs: 500,
  saturation: 0.85
}

/** The timer that looks for delays fires so often, and `monitorEventLoopDelay` counts that in: a process that does nothing has just above. */
export const DELAY_RESOLUTION_MS = 10

const MB = 2 ** 20
const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length

/** Least squares, in units of `y` for one of `x`, and the standard error of that. */
export function slopeOf (points) {
  const [x, y] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))]
  const spread = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0)
  if (spread === 0) return { slope: 0, error: 0 }
  const slope = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0) / spread
  const rest = points.reduce((sum, [px, py]) => sum + (py - y - slope * (px - x)) ** 2, 0)
  return { slope, error: points.length < 3 ? 0 : Math.sqrt(rest / (points.length - 2) / spread) }
}

/** Everything behind the first third of the run, in two halves. */
export function settledThirds (samples) {
  const last = samples.at(-1)?.second ?? 0
  return [samples.filter(({ second }) => second > last / 3 && second <= last * 2 / 3), samples.filter(({ second }) => second > last * 2 / 3)]
}

/** What goes up and down by itself hides growth: only a line that is surely flat enough has been shown to be. */
function judgeSlope (slope, margin, bound) {
  if (slope + margin <= bound) return ''
  return slope - margin <= bound ? ': too noisy to tell: let it run longer' : ': too steep'
}

function checkFlat (name, samples, valueOf, perMinute, betweenThirds) {
  const [second, third] = settledThirds(samples).map(part => part.map(sample => [sample.second / 60, valueOf(sample) / MB]))
  if (second.length < 2 || third.length < 2) return { name, ok: false, text: 'too few samples: let it run longer' }
  const { slope, error } = slopeOf([...second, ...third])
  const step = mean(third.map(([, y]) => y)) - mean(second.map(([, y]) => y))
  const about = `slope ${slope.toFixed(2)} ± ${(2 * error).toFixed(2)} MB a minute`
  return {
    name,
    ok: slope + 2 * error <= perMinute && step <= betweenThirds,
    text: `${mean(third.map(([, y]) => y)).toFixed(1)} MB in the last third, ${step.toFixed(1)} MB more than in the second (at most ${betweenThirds}); ${about} (at most ${perMinute}${judgeSlope(slope, 2 * error, perMinute)})`
  }
}

function checkSockets (samples) {
  const [second, third] = settledThirds(samples).map(part => Math.max(...part.map(({ sockets }) => sockets)))
  return { name: 'connections', ok: third - second <= BOUNDS.socketsBetweenThirds, text: `at most ${third} in the last third, ${second} in the second` }
}

function checkCounted ({ logins, renewals, logouts, refused, requests }, kinds) {
  const seen = { requests, logins, 'refusals after a logout': refused, ...Object.fromEntries(kinds.flatMap(kind => [[`renewals (${kind})`, renewals[kind] ?? 0], [`logouts (${kind})`, logouts[kind] ?? 0]])) }
  return { name: 'work', ok: Object.values(seen).every(count => count > 0), text: Object.entries(seen).map(([what, count]) => `${what} ${count}`).join(', ') }
}

/** A stop of seconds is one value among thousands and moves no percentile, so the longest counts for itself. */
function checkDelay (p99Ms, maxMs) {
  const [p99, longest] = [p99Ms - DELAY_RESOLUTION_MS, maxMs - DELAY_RESOLUTION_MS]
  return {
    name: 'event-loop delay',
    ok: p99Ms > 0 && maxMs > 0 && p99 < BOUNDS.lateP99Ms && longest < BOUNDS.lateMaxMs,
    text: p99Ms > 0 && maxMs > 0
      ? `p99 ${p99.toFixed(1)} ms late (below ${BOUNDS.lateP99Ms}), ${longest.toFixed(1)} at most (below ${BOUNDS.lateMaxMs}); monitorEventLoopDelay says ${p99Ms.toFixed(1)} and ${maxMs.toFixed(1)}, ${DELAY_RESOLUTION_MS} of which are its own period`
      : 'not measured'
  }
}

/**
 * Answers with 5xx, by the gateway's own histogram.
 * @throws where it counts no answers at all, and so has not measured this either
 */
export function serverErrorsIn (metrics) {
  const counted = [...metrics.matchAll(/^oidc_gateway_http_request_duration_seconds_count\{(?:[^}]*,)?status="(\dxx)"[^}]*\} (\S+)$/gm)].map(([, status, count]) => [status, Number(count)])
  const total = list => list.reduce((sum, [, count]) => sum + count, 0)
  if (!(total(counted) > 0)) throw new Error('the metrics of the gateway count no answers: nobody knows whether there were any with 5xx')
  return total(counted.filter(([status]) => status === '5xx'))
}

const checkNothing = (name, list) => ({ name, ok: list.length === 0, text: list.length === 0 ? 'none' : list.slice(0, 10).join('\n    ') })

/** Each part of the verdict; the soak has passed when all are `ok`. */
export function judge ({ samples, counts, kinds, faults, logged, serverErrors, delayP99Ms, delayMaxMs, saturation }) {
  return [
    checkCounted(counts, kinds),
    checkNothing('wrong answers', faults),
    checkNothing('errors in the log', logged),
    { name: 'answers with 5xx', ok: serverErrors === 0, text: `${serverErrors} by the gateway's own count` },
    checkFlat('RSS', samples, ({ rss }) => rss, BOUNDS.rssPerMinute, BOUNDS.rssBetweenThirds),
    checkFlat('heap and buffers', samples, ({ heapUsed, external }) => heapUsed + external, BOUNDS.heapPerMinute, BOUNDS.heapBetweenThirds),
    checkSockets(samples),
    checkDelay(delayP99Ms, delayMaxMs),
    { name: 'saturation', ok: saturation >= BOUNDS.saturation, text: `the gateway used ${(saturation * 100).toFixed(0)} % of a core (at least ${BOUNDS.saturation * 100})` }
  ]
}
