import { parseArgs } from 'node:util'
import { nearestName } from 'fastify-oidc-session-store'

export const COMMANDS = ['start', 'check', 'routes'] as const
export type Command = typeof COMMANDS[number]

/** What was typed. */
export type Invocation =
  | { readonly kind: 'run', readonly command: Command, readonly file: string }
  /** null: the program's. */
  | { readonly kind: 'help', readonly command: Command | null }
  | { readonly kind: 'version' }
  | { readonly kind: 'misuse', readonly message: string, readonly command: Command | null }

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

/** Known elsewhere, and to come. */
const COMING_COMMANDS = ['import']

const isCommand = (name: string): name is Command => (COMMANDS as readonly string[]).includes(name)

function suggest (name: string, known: readonly string[], prefix: string): string {
  const nearest = nearestName(name, known)
  return nearest === null ? '' : `; did you mean ${prefix}${nearest}?`
}

function unknownFlag (tokens: ReadonlyArray<{ kind: string, name?: string, rawName?: string }>): string | null {
  const token = tokens.find(({ kind, name }) => kind === 'option' && name !== undefined && !Object.hasOwn(OPTIONS, name))
  if (token?.name === undefined) return null
  return `unknown option ${token.rawName ?? token.name}${suggest(token.name, Object.keys(OPTIONS), '--')}`
}

/** Reads the arguments after the program's name. */
export function parseArguments (args: readonly string[]): Invocation {
  const { values, positionals, tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, allowPositionals: true, tokens: true })
  const [name, ...surplus] = positionals
  const command = name !== undefined && isCommand(name) ? name : null
  const misuse = (message: string): Invocation => ({ kind: 'misuse', message, command })

  const flag = unknownFlag(tokens)
  if (flag !== null) return misuse(flag)
  if (name !== undefined && command === null) {
    return misuse(COMING_COMMANDS.includes(name) ? `the command ${name} is not available in this version` : `unknown command ${name}${suggest(name, COMMANDS, '')}`)
  }
  if (values.help === true) return { kind: 'help', command }
  if (values.version === true) return { kind: 'version' }
  if (command === null) return misuse('a command is missing')
  if (surplus.length > 0) return misuse(`${command} takes no argument ${surplus[0] ?? ''}: name the file with --config`)
  if (tokens.filter(token => token.kind === 'option' && token.name === 'config').length > 1) return misuse('--config can be given only once')
  const { config } = values
  return typeof config === 'string' && config !== '' ? { kind: 'run', command, file: config } : misuse('--config FILE is missing')
}
