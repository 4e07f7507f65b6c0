import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

export const HELP = `pnpm bench: authenticated requests through fastify-oidc and its peers, against the stock proxy without any authentication.

  --quick               a look: 3 rounds of 1 s, 100 sessions; no figure to quote
  --rounds N            21, so that a slow second of the machine is one of many
  --duration SECONDS    1, of each contestant in each round
  --warm-up SECONDS     5, once for each contestant
  --connections N       32
  --sessions N          1000, in rotation
  --only NAME,…         these contestants, and bare, which the others are compared with
  --load wrk|autocannon wrk where it is installed, else autocannon
  --output FOLDER       bench/results
  --reference           writes reference.json and reference.svg, and from them the table of docs/performance.md`

const NUMBERS = { rounds: [21, 3], duration: [1, 1], 'warm-up': [5, 1], connections: [32, 32], sessions: [1000, 100] }

/** @throws when an option is unknown, or not what it has to be */
export function readOptions (args, names) {
  const text = { type: 'string' }
  const { values } = parseArgs({
    args: args.filter(argument => argument !== '--'),
    options: { ...Object.fromEntries(Object.keys(NUMBERS).map(name => [name, text])), quick: { type: 'boolean' }, only: text, load: text, output: text, reference: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } }
  })
  const number = name => {
    const value = Number(values[name] ?? NUMBERS[name][values.quick ? 1 : 0])
    const least = name === 'warm-up' ? 0 : 1
    if (!Number.isInteger(value) || value < least) throw new Error(`--${name} must be a whole number${least === 0 ? ', 0 or above' : ' above 0'}`)
    return value
  }
  const only = values.only?.split(',')
  const unknown = (only ?? []).filter(name => !names.includes(name))
  if (unknown.length > 0) throw new Error(`--only: no contestant ${unknown.join(', ')}; there are ${names.join(', ')}`)
  if (!['wrk', 'autocannon', undefined].includes(values.load)) throw new Error('--load must be wrk or autocannon')
  return {
    help: values.help ?? false,
    quick: values.quick ?? false,
    rounds: number('rounds'),
    duration: number('duration'),
    warmUp: number('warm-up'),
    connections: number('connections'),
    sessions: number('sessions'),
    load: values.load ?? null,
    reference: values.reference ?? false,
    output: resolve(values.output ?? fileURLToPath(new URL('results', import.meta.url))),
    wanted: name => only === undefined || name === names[0] || only.includes(name)
  }
}
