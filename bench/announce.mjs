// For the servers: settings come in as an argument, where it listens and what it has used go out as messages, and the bench's end is theirs.
let more = () => ({})

process.once('disconnect', () => process.exit())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpuUs: user + system, rssBytes: process.memoryUsage.rss(), ...more() })
})

export const settings = JSON.parse(process.argv[2] ?? '{}')

export function announce (origin, also = {}) {
  process.send({ origin, ...also })
}

/** What else a server tells with each account of what it has used. */
export function tellAlso (what) {
  more = what
}
