// What a soak has shown. Pure, so that it can be seen to fail.

/** Megabytes of 2^20 bytes, and minutes. */
export const BOUNDS = {
  rssPerMinute: 1.5,
  rssBetweenThirds: 6,
  heapPerMinute: 0.4,
  heapBetweenThirds: 2,
  socketsBetweenThirds: 8,
  delayP99Ms: 20,
  saturation: 0.85
}

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

function checkFlat (name, samples, valueOf, perMinute, betweenThirds) {
  const [second, third] = settledThirds(samples).map(part => part.map(sample => [sample.second / 60, valueOf(sample) / MB]))
  if (second.length < 2 || third.length < 2) return { name, ok: false, text: 'too few samples: let it run longer' }
  const { slope, error } = slopeOf([...second, ...third])
  const step = mean(third.map(([, y]) => y)) - mean(second.map(([, y]) => y))
  return {
    name,
    // What goes up and down by itself is no growth.
    ok: slope - 2 * error <= perMinute && step <= betweenThirds,
    text: `${mean(third.map(([, y]) => y)).toFixed(1)} MB in the last third, ${step.toFixed(1)} MB more than in the second (at most ${betweenThirds}); slope ${slope.toFixed(2)} ± ${(2 * error).toFixed(2)} MB a minute (surely no more than ${perMinute})`
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

const checkNothing = (name, list) => ({ name, ok: list.length === 0, text: list.length === 0 ? 'none' : list.slice(0, 10).join('\n    ') })

/** Each part of the verdict; the soak has passed when all are `ok`. */
export function judge ({ samples, counts, kinds, faults, logged, serverErrors, delayP99Ms, saturation }) {
  return [
    checkCounted(counts, kinds),
    checkNothing('wrong answers', faults),
    checkNothing('errors in the log', logged),
    { name: 'answers with 5xx', ok: serverErrors === 0, text: `${serverErrors} by the gateway's own count` },
    checkFlat('RSS', samples, ({ rss }) => rss, BOUNDS.rssPerMinute, BOUNDS.rssBetweenThirds),
    checkFlat('heap and buffers', samples, ({ heapUsed, external }) => heapUsed + external, BOUNDS.heapPerMinute, BOUNDS.heapBetweenThirds),
    checkSockets(samples),
    { name: 'event-loop delay', ok: delayP99Ms < BOUNDS.delayP99Ms, text: `p99 ${delayP99Ms.toFixed(1)} ms (below ${BOUNDS.delayP99Ms}; 10 of them are the timer's own)` },
    { name: 'saturation', ok: saturation >= BOUNDS.saturation, text: `the gateway used ${(saturation * 100).toFixed(0)} % of a core (at least ${BOUNDS.saturation * 100})` }
  ]
}
