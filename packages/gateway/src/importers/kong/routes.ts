import { dissolved, elsewhere, judgeMembers, leftOut, onlyAs, refused, same, type Judge } from '../apisix/members.ts'
import type { Ledger } from '../report.ts'
import { namesOf, type Entity, type KongSource } from './source.ts'
import { isUnset, readFlag, readList, readNumber } from './values.ts'

type Native = Record<string, unknown>

/** One path of a route of Kong, as routes of this gateway. */
export interface RoutePlan {
  readonly route: Entity
  readonly service: Entity | null
  /** As Kong has it: the beginning of what it holds for. */
  readonly path: string
  readonly native: Native
}

const FOR_PEOPLE = 'it is for people and tools'
const MATCHER = 'decides which requests the route is for, which has no counterpart'

const judgeProtocols: Judge = (value, path, ledger) => {
  const protocols = readList(value)
  if (protocols.some(name => name !== 'http' && name !== 'https')) ledger.refuse(path, 'must be http and https: others have no counterpart')
  else if (protocols.includes('http')) ledger.exact(path, 'is what this gateway does')
  else ledger.approximate(path, 'is left out: plain requests are served too, unless force_https of a native file redirects them')
}

/** Before 3.0 a path of other signs than these was an expression; since then what begins with ~ is one. */
const PLAIN_PATH = /^[a-zA-Z0-9.\-_~/%]*$/
const isExpression = (path: string, version: number): boolean => path.startsWith('~') || (version < 3 && !PLAIN_PATH.test(path))

/** `/a/` beside `/a` says nothing more. */
const isWithin = (path: string, paths: readonly string[]): boolean => path.length > 1 && path.endsWith('/') && paths.includes(path.slice(0, -1))

/** The paths of a route that are no expressions. */
function readPaths ({ value, path: around }: Entity, version: number, ledger: Ledger): string[] {
  const path = [...around, 'paths']
  const paths = readList(value.paths)
  for (const text of paths) if (isExpression(text, version)) ledger.refuse(path, `has a regular expression, which has no counterpart${text.startsWith('~') ? '' : ' (before _format_version 3.0 other signs than letters, digits and .-_~/% make one)'}: write the paths`)
  if (paths.some(text => !text.endsWith('/'))) ledger.approximate(path, 'holds for a path and what is below it: /api is not /apix here')
  else if (value.paths !== undefined) ledger.exact(path)
  return paths.filter(text => !isExpression(text, version) && !isWithin(text, paths))
}

const ROUTE: Readonly<Record<string, Judge>> = {
  id: same,
  name: same,
  paths: elsewhere,
  hosts: same,
  methods: same,
  strip_path: dissolved('is rewrite_prefix here, where paths are stripped'),
  preserve_host: dissolved('is upstream.pass_host here'),
  protocols: judgeProtocols,
  regex_priority: onlyAs(value => readNumber(value) === 0, 'is for regular expressions, which have no counterpart'),
  path_handling: onlyAs(value => value === 'v0', 'must be v0'),
  https_redirect_status_code: leftOut('plain requests are served too'),
  request_buffering: leftOut('bodies are passed on as they come'),
  response_buffering: leftOut('bodies are passed on as they come'),
  headers: onlyAs(isUnset, MATCHER),
  snis: onlyAs(isUnset, MATCHER),
  sources: onlyAs(isUnset, MATCHER),
  destinations: onlyAs(isUnset, MATCHER),
  expression: refused(MATCHER),
  priority: refused('belongs to expression, which has no counterpart'),
  service: dissolved('says which upstream it has'),
  plugins: elsewhere,
  tags: leftOut(FOR_PEOPLE),
  created_at: leftOut(FOR_PEOPLE),
  updated_at: leftOut(FOR_PEOPLE)
}

const SERVICE: Readonly<Record<string, Judge>> = {
  id: dissolved('is the name that others know it by'),
  name: dissolved('is the name that others know it by'),
  url: same,
  protocol: onlyAs(value => value === 'http' || value === 'https', 'must be http or https: others have no counterpart'),
  host: same,
  port: same,
  path: same,
  connect_timeout: dissolved('is upstream.timeout.connect here, in seconds'),
  read_timeout: dissolved('is upstream.timeout.read here, in seconds'),
  write_timeout: leftOut('only connect and read are limited'),
  retries: leftOut('a request that a node did not answer is not sent to another'),
  enabled: onlyAs(value => readFlag(value) !== false, 'is false: take the service out'),
  tls_verify: dissolved('is upstream.tls.verify here'),
  tls_verify_depth: leftOut('chains are as long as they are'),
  client_certificate: onlyAs(isUnset, 'names a certificate outside of this object: write upstream.tls in a native file'),
  ca_certificates: onlyAs(isUnset, 'names certificates outside of this object: write upstream.tls.ca in a native file'),
  routes: elsewhere,
  plugins: elsewhere,
  tags: leftOut(FOR_PEOPLE),
  created_at: leftOut(FOR_PEOPLE),
  updated_at: leftOut(FOR_PEOPLE)
}

function addressOf ({ value, path }: Entity, ledger: Ledger): URL | null {
  const { url, protocol, host, port, path: below } = value
  const secure = protocol === 'https'
  const text = typeof url === 'string' ? url : `${secure ? 'https' : 'http'}://${String(host)}:${String(port ?? (secure ? 443 : 80))}${typeof below === 'string' ? below : ''}`
  if (URL.canParse(text) && /^https?:/.test(text) && (url !== undefined || host !== undefined)) return new URL(text)
  ledger.refuse(path, 'needs url, or host: where requests go')
  return null
}

const secondsOf = (value: unknown): number | null => {
  const ms = readNumber(value)
  return ms === null || ms <= 0 ? null : ms / 1000
}

function upstreamOf (service: Entity, address: URL, preservesHost: boolean): Native {
  const [connect, read] = [secondsOf(service.value.connect_timeout), secondsOf(service.value.read_timeout)]
  const verify = readFlag(service.value.tls_verify)
  return {
    nodes: { [address.host]: 1 },
    ...address.protocol === 'https:' ? { scheme: 'https' } : {},
    pass_host: preservesHost ? 'pass' : 'node',
    ...connect === null && read === null ? {} : { timeout: { ...connect === null ? {} : { connect }, ...read === null ? {} : { read } } },
    ...address.protocol === 'https:' && verify !== null ? { tls: { verify } } : {}
  }
}

/** Without a final slash. */
export const plainOf = (path: string): string => path.replace(/\/+$/, '')

/** A path and what is below it; one with a final slash is what is below it alone. */
function urisOf (path: string): string[] {
  const plain = plainOf(path)
  return path.endsWith('/') ? [`${plain}/*`] : [plain, `${plain}/*`]
}

function pathRoute (route: Entity, path: string, address: URL): Native {
  const inside = plainOf(address.pathname) || '/'
  const from = readFlag(route.value.strip_path) === false ? '/' : plainOf(path) || '/'
  return { uris: urisOf(path), ...from === '/' && inside === '/' ? {} : { rewrite_prefix: { from, to: inside } } }
}

function planRoute (route: Entity, source: KongSource, ledger: Ledger): RoutePlan[] {
  judgeMembers(route, ROUTE, ledger)
  const paths = readPaths(route, source.version, ledger)
  const service = source.services.find(candidate => route.service !== null && namesOf(candidate).includes(route.service)) ?? null
  if (service === null) {
    ledger.refuse(route.path, 'has no service that stands in the file: there is nowhere to send requests to')
    return []
  }
  const address = addressOf(service, ledger)
  if (address === null) return []
  const { name, id, hosts, methods } = route.value
  const [hostList, methodList] = [readList(hosts), readList(methods)]
  return (paths.length === 0 ? ['/'] : paths).map(path => ({
    route,
    service,
    path,
    native: {
      ...id === undefined ? {} : { id },
      ...name === undefined ? {} : { name },
      ...hostList.length === 0 ? {} : { hosts: hostList },
      ...methodList.length === 0 ? {} : { methods: methodList },
      ...pathRoute(route, path, address),
      upstream: upstreamOf(service, address, readFlag(route.value.preserve_host) === true)
    }
  }))
}

/** Routes of a file, with where they lead; what guards them is put in later. */
export function planRoutes (source: KongSource, ledger: Ledger): readonly RoutePlan[] {
  for (const service of source.services) {
    judgeMembers(service, SERVICE, ledger)
    if (addressOf(service, ledger)?.protocol === 'https:' && service.value.tls_verify === undefined) ledger.note(service.path, 'certificates of the upstream are verified here; Kong does not, unless tls_verify says so')
  }
  return source.routes.flatMap(route => planRoute(route, source, ledger))
}
