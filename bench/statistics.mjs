export function median (values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/**
 * Medians over the rounds. `ratio` is the median of each round's own ratio, so that a slow minute weighs on both sides of it.
 * `cpuRatio` compares the server's processor time for a request: it says the same on a machine that others use as well.
 */
export function summarize (contestants, rounds) {
  const [{ name: base }] = contestants
  return contestants.map(({ name, title }) => {
    const of = key => rounds.map(round => round[name][key])
    const ratios = rounds.map(round => round[name].requestsPerSecond / round[base].requestsPerSecond)
    return {
      name,
      title,
      requestsPerSecond: Math.round(median(of('requestsPerSecond'))),
      ratio: Number(median(ratios).toFixed(3)),
      ratioRange: [Math.min(...ratios), Math.max(...ratios)].map(ratio => Number(ratio.toFixed(3))),
      cpuUsPerRequest: Math.round(median(of('cpuUsPerRequest'))),
      cpuRatio: Number(median(rounds.map(round => round[base].cpuUsPerRequest / round[name].cpuUsPerRequest)).toFixed(3)),
      p50Ms: median(of('p50Ms')),
      p99Ms: median(of('p99Ms'))
    }
  })
}
