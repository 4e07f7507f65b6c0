import type { OptionProblem, Resolved } from './options.ts'
import { sessionSchema } from './session-schema.ts'

/** `session.redis`, with its defaults. */
export type RedisSettings = Resolved<typeof sessionSchema.properties.redis>

type Name = keyof RedisSettings & string

const schemas = sessionSchema.properties.redis.properties

/** The ways to say where Redis is; each with what it says itself, so that nothing else may. */
const PLACES: ReadonlyArray<readonly [Name, readonly Name[]]> = [
  ['url', ['host', 'port', 'username', 'password', 'database', 'ssl', 'unix_socket', 'sentinels', 'cluster']],
  ['unix_socket', ['host', 'port', 'ssl', 'sentinels', 'cluster']],
  ['sentinels', ['host', 'port', 'cluster']],
  ['cluster', ['host', 'port', 'database']]
]

/** What is of no use without something else. */
const NEEDS: ReadonlyArray<readonly [Name, Name]> = [
  ['sentinels', 'master_name'],
  ['master_name', 'sentinels'],
  ['sentinel_password', 'sentinels'],
  ['sentinel_username', 'sentinel_password'],
  ['sentinel_ssl', 'sentinels'],
  ['sentinel_ssl', 'ssl'],
  ['username', 'password'],
  ['client_cert', 'client_key'],
  ['client_key', 'client_cert']
]

const TLS_ONLY: readonly Name[] = ['server_name', 'ca', 'client_cert']

function isSet (options: RedisSettings, name: Name): boolean {
  const standard: unknown = schemas[name].default
  return options[name] !== undefined && options[name] !== standard
}

function usesTls ({ ssl, url }: RedisSettings): boolean {
  return ssl || url?.startsWith('rediss:') === true
}

function isDecodable (text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

function badUrl (options: RedisSettings): string | null {
  const { url } = options
  if (url === undefined) return null
  if (!URL.canParse(url)) return 'must be a URL (percent-encode what is special in the password)'
  const { hostname, pathname, search, hash, username, password } = new URL(url)
  if (!isDecodable(username) || !isDecodable(password)) return 'has a user or password that is not percent-encoded'
  if (hostname === '') return 'must name a host'
  if (!/^\/?\d*$/.test(pathname)) return 'may have a database number behind the host, and no other path'
  if (search !== '' || hash !== '') return 'may not have a query or fragment: use the options of these names'
  return username !== '' && password === '' ? 'names a user without a password' : null
}

/** Names that are written and say something else than their default. */
export function writtenRedisOptions (options: RedisSettings): string[] {
  return (Object.keys(schemas) as Name[]).filter(name => isSet(options, name))
}

/** Options of `session.redis` that speak against each other, or do nothing without another; paths start below it. */
export function redisContradictions (options: RedisSettings): OptionProblem[] {
  const problems = new Map<Name, string>()
  const add = (name: Name, message: string): void => { if (!problems.has(name)) problems.set(name, message) }
  for (const [place, excluded] of PLACES) {
    if (!isSet(options, place)) continue
    for (const name of excluded) if (isSet(options, name)) add(name, `cannot stand beside ${place}`)
  }
  for (const [name, needed] of NEEDS) {
    if (isSet(options, name) && !isSet(options, needed)) add(name, `needs ${needed}`)
  }
  for (const name of TLS_ONLY) if (isSet(options, name) && !usesTls(options)) add(name, 'needs ssl')
  if (options.password === '' && options.username === undefined) add('password', 'is empty')
  const url = badUrl(options)
  if (url !== null) add('url', url)
  return [...problems].map(([name, message]) => ({ path: [name], message }))
}
