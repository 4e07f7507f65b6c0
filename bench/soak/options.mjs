import { parseArgs } from 'node:util'

export const HELP = `npm run soak: a gateway at its limit, with logins, renewals and logouts mixed in.

  --minutes N       10
  --sessions N      400, half of them in cookies, half in Redis
  --connections N   32
  --changes N       2 logins and 2 logouts a second
  --token-life N    15, in seconds: an access token is renewed 5 seconds before its end
  --every N         15 seconds between two lines`

const DEFAULTS = { minutes: 10, sessions: 400, connections: 32, changes: 2, 'token-life': 15, every: 15 }

/** @throws when an option is unknown, or not what it has to be */
export function readSoakOptions (args) {
  const { values } = parseArgs({
    args: args.filter(argument => argument !== '--'),
    options: { ...Object.fromEntries(Object.keys(DEFAULTS).map(name => [name, { type: 'string' }])), help: { type: 'boolean', short: 'h' } }
  })
  const number = name => {
    const value = Number(values[name] ?? DEFAULTS[name])
    if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} must be a number above 0`)
    return value
  }
  return { help: values.help ?? false, minutes: number('minutes'), sessions: number('sessions'), connections: number('connections'), changes: number('changes'), tokenLife: number('token-life'), every: number('every') }
}
