export function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

function round (value, digits) {
  return value === null ? null : Number(value.toFixed(digits))
}

/** Null where one of the values is not known. */
function known (values, reduce) {
  return values.some(value => value === null) ? null : reduce(values)
}

const range = values => [Math.min(...values), Math.max(...values)]

/**
 * Medians over the rounds. `ratio` is the median of each round's own ratio, so that a slow minute weighs on both sides of it;
 * `p99Ratio` likewise. `cpuRatio` compares the server's processor time for a request: it says the same on a machine that others
 * use as well. `rssBytes` is the most that was seen after a round.
 */
export function summarize (contestants, rounds) {
  const [{ name: base }] = contestants
  return contestants.map(({ name, title, group, note = null, sizes = {} }) => {
    const of = key => rounds.map(results => results[name][key])
    const against = key => rounds.map(results => results[name][key] / results[base][key])
    const cpuKnown = [...of('cpuUsPerRequest'), ...rounds.map(results => results[base].cpuUsPerRequest)].every(value => value !== null)
    return {
      name,
      title,
      group,
      note,
      requestsPerSecond: Math.round(median(of('requestsPerSecond'))),
      requestsPerSecondRange: range(of('requestsPerSecond')).map(Math.round),
      ratio: round(median(against('requestsPerSecond')), 3),
      ratioRange: range(against('requestsPerSecond')).map(value => round(value, 3)),
      cpuUsPerRequest: known(of('cpuUsPerRequest'), values => Math.round(median(values))),
      cpuRatio: cpuKnown ? round(median(against('cpuUsPerRequest').map(ratio => 1 / ratio)), 3) : null,
      p50Ms: round(median(of('p50Ms')), 2),
      p99Ms: round(median(of('p99Ms')), 2),
      p99MsRange: range(of('p99Ms')).map(value => round(value, 2)),
      p99Ratio: round(median(against('p99Ms')), 2),
      rssBytes: known(of('rssBytes'), values => Math.max(...values)),
      ...sizes
    }
  })
}
