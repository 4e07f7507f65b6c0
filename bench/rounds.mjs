// Load on one contestant after the other, and what it cost.

/** Answers that nobody authenticated would be fast as well: whatever was answered must have come from the upstream. */
function requireUpstream (title, { requests, non2xx, errors }, served, connections) {
  if (non2xx > 0 || errors > 0) throw new Error(`${title}: ${non2xx} answers other than 2xx, ${errors} errors`)
  if (requests === 0) throw new Error(`${title}: no answer at all`)
  if (served < requests - connections) throw new Error(`${title}: ${requests} answers, of which only ${served} are the upstream's`)
}

function round (value) {
  return Math.round(value * 100) / 100
}

async function fire ({ name, title, server, headerSets }, { load, upstream, connections, duration }) {
  const [before, servedBefore] = [await server.usage(), (await upstream.usage()).served]
  const result = await load.fire({ name, origin: server.origin, headerSets }, { connections, duration })
  const [after, servedAfter] = [await server.usage(), (await upstream.usage()).served]
  requireUpstream(title, result, servedAfter - servedBefore, connections)
  return {
    requestsPerSecond: round(result.requests / result.seconds),
    cpuUsPerRequest: after.cpuUs === null ? null : round((after.cpuUs - before.cpuUs) / result.requests),
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    rssBytes: after.rssBytes
  }
}

/** Every contestant once, beginning with another one each round. */
async function runRound (contestants, settings, index) {
  const first = index % contestants.length
  const results = {}
  for (const contestant of [...contestants.slice(first), ...contestants.slice(0, first)]) results[contestant.name] = await fire(contestant, settings)
  return results
}

/** All rounds, after each contestant was warmed up. `say` hears how it goes. */
export async function runRounds (contestants, { rounds: count, warmUp, say, ...settings }) {
  for (const contestant of warmUp === 0 ? [] : contestants) {
    say(`warming up ${contestant.name}`)
    await fire(contestant, { ...settings, duration: warmUp })
  }
  const rounds = []
  for (let index = 0; index < count; index++) {
    const results = await runRound(contestants, settings, index)
    rounds.push(results)
    say(`round ${index + 1} of ${count}: ${contestants.map(({ name }) => `${name} ${Math.round(results[name].requestsPerSecond)}/s`).join(', ')}`)
  }
  return rounds
}
