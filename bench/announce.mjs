// For the servers: settings come in as an argument, where it listens goes out as a message, and the bench's end is theirs.
process.once('disconnect', () => process.exit())

export const settings = JSON.parse(process.argv[2] ?? '{}')

export function announce (origin, more = {}) {
  process.send({ origin, ...more })
}
