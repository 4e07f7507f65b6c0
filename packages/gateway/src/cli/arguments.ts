import { isIPv6 } from 'node:net'
import { parseArgs } from 'node:util'
import { nearestName } from 'fastify-oidc-session-store'
import { MOST_WORKERS, type WorkerCount } from '../configuration/worker-count.ts'
import { parseCommandLine } from '../importers/oauth2-proxy/command-line.ts'
import { ORIGINS, type ForeignFormat } from '../importers/origins.ts'
import { EXPLAIN_OPTIONS, findExplainRequest, strayExplainOption, type ExplainRequest } from './explain-arguments.ts'
import { findSessionRequest, SESSION_OPTIONS, strayOption, type SessionRequest } from './session-arguments.ts'

export const COMMANDS = ['start', 'check', 'doctor', 'routes', 'explain', 'import', 'sessions'] as const
export type Command = typeof COMMANDS[number]

/** A command that needs to know the file, and nothing else. */
export type FileCommand = Exclude<Command, 'sessions' | 'doctor' | 'routes' | 'explain'>

/** A file to read. */
export interface ConfigurationSource {
  /** null: there is none; a foreign configuration may stand in the environment and on a command line alone. */
  readonly file: string | null
  /** null: it is a file of this gateway. */
  readonly foreign: ForeignFormat | null
  /** Goes before what the file says. */
  readonly workers: WorkerCount | null
}

/** What was typed. */
export type Invocation =
  | { readonly kind: 'run', readonly command: FileCommand, readonly source: ConfigurationSource }
  | { readonly kind: 'doctor' | 'routes', readonly source: ConfigurationSource, readonly format: 'text' | 'json' }
  | { readonly kind: 'explain', readonly source: ConfigurationSource, readonly request: ExplainRequest }
  | { readonly kind: 'sessions', readonly source: ConfigurationSource, readonly request: SessionRequest }
  /** null: the program's. */
  | { readonly kind: 'help', readonly command: Command | null }
  | { readonly kind: 'version' }
  | { readonly kind: 'misuse', readonly message: string, readonly command: Command | null }

const OPTIONS = {
  config: { type: 'string', short: 'c' },
  from: { type: 'string' },
  'ignore-plugin': { type: 'string', multiple: true },
  listen: { type: 'string' },
  upstream: { type: 'string' },
  workers: { type: 'string' },
  ...SESSION_OPTIONS,
  ...EXPLAIN_OPTIONS,
  dev: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' }
} as const

const ONCE = ['config', 'from', 'listen', 'route', 'upstream', 'workers', 'sub', 'sid', 'id', 'issuer', 'core', 'limit', 'method', 'host', 'token', 'token-file', 'claims']
const GUARD = 'openid-connect'

const parse = (args: readonly string[]) => parseArgs({ args: [...args], options: OPTIONS, strict: false, allowPositionals: true, tokens: true })

type Parsed = ReturnType<typeof parse>
type Found<T> = { readonly value: T } | { readonly misuse: string }

const isCommand = (name: string): name is Command => (COMMANDS as readonly string[]).includes(name)

const isOrigin = (name: unknown): name is ForeignFormat['from'] => (ORIGINS as readonly unknown[]).includes(name)

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

function suggest (name: string, known: readonly string[], prefix: string): string {
  const nearest = nearestName(name, known)
  return nearest === null ? '' : `; did you mean ${prefix}${nearest}?`
}

function unknownFlag (tokens: ReadonlyArray<{ kind: string, name?: string, rawName?: string }>): string | null {
  const token = tokens.find(({ kind, name }) => kind === 'option' && name !== undefined && !Object.hasOwn(OPTIONS, name))
  if (token?.name === undefined) return null
  return `unknown option ${token.rawName ?? token.name}${suggest(token.name, Object.keys(OPTIONS), '--')}`
}

/** An option that would take the next option for its value. */
function swallowedFlag (tokens: Parsed['tokens']): string | null {
  const token = tokens.find(token => token.kind === 'option' && (Object.hasOwn(SESSION_OPTIONS, token.name) || Object.hasOwn(EXPLAIN_OPTIONS, token.name)) && token.inlineValue === false && token.value.startsWith('-') && token.value !== '-')
  return token?.kind === 'option' ? `${token.rawName} needs a value; one that begins with a dash is written ${token.rawName}=VALUE` : null
}

/** `HOST:PORT`; an IPv6 address stands in brackets. */
function parseAddress (text: unknown): NonNullable<ForeignFormat['listen']> | null {
  const [, inBrackets, name, port] = isText(text) ? /^(?:\[([^\]]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(text) ?? [] : []
  const host = inBrackets ?? name
  if (host === undefined || (inBrackets !== undefined && !isIPv6(inBrackets)) || Number(port) > 65535) return null
  return { host, port: Number(port) }
}

function findListen (command: Command, { from, listen }: Pick<Parsed['values'], 'from' | 'listen'>): Found<ForeignFormat['listen']> {
  if (listen === undefined) return { value: null }
  if (command !== 'start') return { misuse: '--listen is for start' }
  if (from === undefined) return { misuse: '--listen is for files that --from says the origin of: a file of this gateway has "listen"' }
  const address = parseAddress(listen)
  return address === null ? { misuse: '--listen must be HOST:PORT, such as 0.0.0.0:4180 or [::]:4180' } : { value: address }
}

function findWorkers (command: Command, { workers }: Pick<Parsed['values'], 'workers'>): Found<WorkerCount | null> {
  if (workers === undefined) return { value: null }
  if (command !== 'start') return { misuse: '--workers is for start' }
  if (workers === 'auto') return { value: workers }
  const count = Number(workers)
  const isCount = isText(workers) && /^\d{1,3}$/.test(workers) && count >= 1 && count <= MOST_WORKERS
  return isCount ? { value: count } : { misuse: `--workers must be auto, or a number from 1 to ${MOST_WORKERS}` }
}

/** What is for OAuth2 Proxy alone; null: nothing stands where it does not belong. */
function findMisplaced (command: Command, { from, dev, 'ignore-plugin': ignored }: Parsed['values'], commandLine: readonly string[] | null): string | null {
  const isOAuth2Proxy = from === 'oauth2-proxy'
  if (!isOAuth2Proxy && dev === true) return '--dev is for --from oauth2-proxy'
  if (!isOAuth2Proxy && commandLine !== null) return '-- is for --from oauth2-proxy, whose arguments follow it'
  if (isOAuth2Proxy && ignored !== undefined) return '--ignore-plugin is not for oauth2-proxy, which has no plugins'
  return (command === 'import' || command === 'sessions') && dev === true ? `--dev is not for ${command}: what it lets pass is not kept` : null
}

const PLACE = /^\/[^\s?#*%\\:]*$/

/** Where a plugin without routes can stand: the path that is asked for, as far as a route can have it. */
function placeIn (url: unknown): string {
  const [path = '/'] = String(url).split('?')
  return PLACE.test(path) ? path : '/'
}

/** Where a plugin of Kong's stands whose file has no routes. */
function findBare ({ from, route, upstream }: Pick<Parsed['values'], 'from' | 'route' | 'upstream'>): Found<Pick<ForeignFormat, 'route' | 'upstream'>> {
  if (route === undefined && upstream === undefined) return { value: {} }
  if (from !== 'kong') return { misuse: `--${route === undefined ? 'upstream' : 'route'} is for --from kong` }
  if (!isText(route) || !PLACE.test(route)) return { misuse: '--route must be a path, such as /api' }
  const isUrl = isText(upstream) && /^https?:\/\//.test(upstream) && URL.canParse(upstream) && new URL(upstream).pathname === '/'
  return isUrl ? { value: { route, upstream } } : { misuse: '--upstream must be http://HOST:PORT or https://HOST:PORT' }
}

function findForeign (command: Command, { from, listen, dev, route: path, upstream, 'ignore-plugin': ignored }: Parsed['values'], commandLine: readonly string[] | null): Found<ForeignFormat | null> {
  // There it is what is asked for.
  const route = command === 'explain' ? undefined : path
  if (command === 'explain' && upstream !== undefined) return { misuse: '--upstream is not for explain, which asks no upstream' }
  const names: unknown[] = Array.isArray(ignored) ? ignored : []
  const address = findListen(command, { from, listen })
  if ('misuse' in address) return address
  if (from === undefined && command === 'import') return { misuse: `--from is missing: one of ${ORIGINS.join(', ')}` }
  if (from === undefined && (route !== undefined || upstream !== undefined)) return { misuse: `--${route === undefined ? 'upstream' : 'route'} is for --from kong` }
  if (from === undefined) return names.length === 0 ? { value: null } : { misuse: '--ignore-plugin is for files that --from says the origin of' }
  if (!isOrigin(from)) {
    const name = isText(from) ? from : ''
    return { misuse: `--from must be one of ${ORIGINS.join(', ')}${suggest(name, ORIGINS, '')}` }
  }
  const ignorePlugins = names.filter(isText)
  if (ignorePlugins.length < names.length) return { misuse: '--ignore-plugin NAME is missing' }
  if (ignorePlugins.includes(GUARD)) return { misuse: `--ignore-plugin ${GUARD} would leave every route open` }
  const bare = findBare({ from, route, upstream })
  if ('misuse' in bare) return bare
  const explained = command === 'explain' && from === 'kong' ? { explained: placeIn(path) } : {}
  const own = from === 'oauth2-proxy' ? { dev: dev === true, commandLine: commandLine ?? [] } : { ...bare.value, ...explained }
  return { value: { from, ignorePlugins, listen: address.value ?? null, ...own } }
}

function findFile (command: Command, { config, from }: Parsed['values'], [first, second]: readonly string[], commandLine: readonly string[] | null): Found<string | null> {
  if (command !== 'import' && first !== undefined) return { misuse: `${command} takes no argument ${first}: name the file with --config` }
  if (second !== undefined || (first !== undefined && config !== undefined)) return { misuse: `${command} takes one file` }
  const inCommandLine = commandLine === null ? null : parseCommandLine(commandLine).config
  const file = first ?? config ?? inCommandLine ?? undefined
  if (inCommandLine !== null && file !== inCommandLine) return { misuse: `${command} takes one file` }
  if (from === 'oauth2-proxy' && file === undefined) return { value: null }
  return isText(file) ? { value: file } : { misuse: command === 'import' ? 'FILE is missing' : '--config FILE is missing' }
}

function findListing (command: 'doctor' | 'routes', { json, ...values }: Parsed['values'], source: ConfigurationSource): Invocation {
  const stray = strayOption(values)
  if (stray !== null) return { kind: 'misuse', message: `--${stray} is for sessions`, command }
  if (json !== undefined && json !== true) return { kind: 'misuse', message: '--json takes no value', command }
  return { kind: command, source, format: json === true ? 'json' : 'text' }
}

function findExplain ({ json, ...values }: Parsed['values'], source: ConfigurationSource): Invocation {
  const stray = strayOption(values)
  if (stray !== null) return { kind: 'misuse', message: `--${stray} is for sessions`, command: 'explain' }
  const request = findExplainRequest({ ...values, json })
  return 'misuse' in request ? { kind: 'misuse', message: request.misuse, command: 'explain' } : { kind: 'explain', source, request: request.value }
}

/** Reads the arguments after the program's name. */
export function parseArguments (args: readonly string[]): Invocation {
  const end = args.indexOf('--')
  const commandLine = end === -1 ? null : args.slice(end + 1)
  const { values, positionals, tokens } = parse(end === -1 ? args : args.slice(0, end))
  const [name, ...surplus] = positionals
  const command = name !== undefined && isCommand(name) ? name : null
  const misuse = (message: string): Invocation => ({ kind: 'misuse', message, command })

  const flag = unknownFlag(tokens) ?? swallowedFlag(tokens)
  if (flag !== null) return misuse(flag)
  if (name !== undefined && command === null) return misuse(`unknown command ${name}${suggest(name, COMMANDS, '')}`)
  if (values.help === true) return { kind: 'help', command }
  const asks = commandLine === null ? null : parseCommandLine(commandLine).asks
  if (values.version === true || asks === 'version') return { kind: 'version' }
  if (command === null) return misuse('a command is missing')
  if (asks !== null && command !== 'start' && command !== 'check') return misuse('--config-test is for start and check')
  const twice = ONCE.find(option => tokens.filter(token => token.kind === 'option' && token.name === option).length > 1)
  if (twice !== undefined) return misuse(`--${twice} can be given only once`)
  const misplaced = findMisplaced(command, values, commandLine)
  if (misplaced !== null) return misuse(misplaced)
  const foreign = findForeign(command, values, commandLine)
  if ('misuse' in foreign) return misuse(foreign.misuse)
  const file = findFile(command, values, command === 'sessions' ? surplus.slice(1) : surplus, commandLine)
  if ('misuse' in file) return misuse(file.misuse)
  const workers = findWorkers(command, values)
  if ('misuse' in workers) return misuse(workers.misuse)
  const source = { file: file.value, foreign: foreign.value, workers: workers.value }
  if (command === 'sessions') {
    const request = findSessionRequest(values, surplus[0])
    return 'misuse' in request ? misuse(request.misuse) : { kind: 'sessions', source, request: request.value }
  }
  const strayExplain = command === 'explain' ? null : strayExplainOption(values)
  if (strayExplain !== null) return misuse(`--${strayExplain} is for explain`)
  if (command === 'explain') return findExplain(values, source)
  if (command === 'doctor' || command === 'routes') return findListing(command, values, source)
  const stray = strayOption(values)
  if (stray !== null) return misuse(`--${stray} is for ${stray === 'json' ? 'doctor, routes, explain and sessions' : 'sessions'}`)
  return { kind: 'run', command: asks === null ? command : 'check', source }
}
