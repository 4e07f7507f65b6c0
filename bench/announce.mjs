// For the servers: settings come in as an argument, where it listens and what it has used go out as messages, and the bench's end is theirs.
process.once('disconnect', () => process.exit())
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send({ cpuUs: user + system })
})

export const settings = JSON.parse(process.argv[2] ?? '{}')

export function announce (origin, more = {}) {
  process.send({ origin, ...more })
}
