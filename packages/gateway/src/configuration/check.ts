import { isIP } from 'node:net'
import { checkSecretManagers, resolveReferences, type ReferenceSources } from 'fastify-oidc'
import { checkOptions, nearestName, type OptionProblem } from 'fastify-oidc-session-store'
import { concealer } from './conceal.ts'
import { findConflicts, findHomeless } from './conflicts.ts'
import { formCores, type GatewayCore } from './cores.ts'
import { checkEndpoints, type Endpoints } from './endpoints.ts'
import { ANY_HOST } from './hosts.ts'
import { locate, problemAt, type ConfigurationProblem } from './problems.ts'
import { checkRoute, type GatewayRoute } from './routes.ts'
import { readRobots } from './robots.ts'
import { COMING, gatewaySchema, type ResolvedGatewayOptions } from './schema.ts'
import type { SourceDocument } from './source-document.ts'
import { readTls, type TlsMaterial } from './tls-files.ts'
import type { WorkerCount } from './worker-count.ts'
import { shareAmongWorkers } from './workers.ts'

/** A configuration that holds, with references resolved and defaults filled in. */
export interface GatewayConfiguration {
  readonly listen: {
    readonly host: string
    readonly port: number
    /** Seconds that the body of a request may pause; null: for ever. */
    readonly bodyTimeout: number | null
  }
  readonly tls: TlsMaterial | null
  readonly trustProxy: readonly string[]
  readonly health: { readonly pingPath: string, readonly readyPath: string }
  /** Where metrics are read; null: nowhere. */
  readonly metrics: { readonly host: string, readonly port: number } | null
  /** null: none. */
  readonly endpoints: Endpoints | null
  readonly forceHttps: boolean
  /** What it answers; null: nothing. */
  readonly robotsTxt: string | null
  readonly logLevel: string
  readonly maxHeaderSize: number
  readonly workers: WorkerCount
  readonly routes: readonly GatewayRoute[]
  readonly cores: readonly GatewayCore[]
  /** Puts references back where resolved values stand: for everything that is shown. */
  readonly conceal: (text: string) => string
}

export type CheckedConfiguration =
  | { readonly kind: 'valid', readonly configuration: GatewayConfiguration }
  | { readonly kind: 'invalid', readonly problems: readonly ConfigurationProblem[] }

export interface CheckOptions extends ReferenceSources {
  /** Where relative file names start. */
  readonly directory?: string
  /** Goes before `workers`. */
  readonly workers?: WorkerCount | null
}

const NOT_YET = 'is not available in this version'
const NAMED_NETWORKS = ['loopback', 'linklocal', 'uniquelocal']

/** Names that are known elsewhere get a better answer than "unknown". */
function explainUnknown (problem: OptionProblem): OptionProblem {
  const { path, message } = problem
  const name = path.at(-1) ?? ''
  const isComing = path.length === 1 ? COMING.root.includes(name) : path.length === 3 && path[0] === 'routes' && COMING.route.includes(name)
  return isComing && message.startsWith('is not a known option') ? { path, message: NOT_YET } : problem
}

function isNetwork (text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (rest.length > 0 || version === 0) return NAMED_NETWORKS.includes(text)
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

function checkTrustProxy (networks: readonly string[]): OptionProblem[] {
  return networks.flatMap((network, index) => isNetwork(network)
    ? []
    : [problemAt(['trust_proxy', String(index)], `must be an address, a network such as 10.0.0.0/8, or one of ${NAMED_NETWORKS.join(', ')}${nearestName(network, NAMED_NETWORKS) === null ? '' : `; did you mean ${nearestName(network, NAMED_NETWORKS) ?? ''}?`}`)])
}

function checkHealth ({ health }: ResolvedGatewayOptions): OptionProblem[] {
  return health.ping_path === health.ready_path ? [problemAt(['health', 'ready_path'], 'must not be the same as ping_path')] : []
}

/** Routes whose shape is right are looked into even where others are wrong. */
function checkRoutes (options: ResolvedGatewayOptions, shape: readonly OptionProblem[], directory: string): { routes: GatewayRoute[], problems: OptionProblem[] } {
  const routes: GatewayRoute[] = []
  const problems: OptionProblem[] = []
  if (!Array.isArray(options.routes)) return { routes, problems }
  const broken = new Map<string, number>()
  for (const { path } of shape) if (path[0] === 'routes' && path[1] !== undefined) broken.set(path[1], path.length)
  options.routes.forEach((input, index) => {
    const place = ['routes', String(index)]
    if (broken.get(String(index)) === 2) return
    const checked = checkRoute(input, place, directory)
    problems.push(...checked.problems)
    if (checked.route !== null && !broken.has(String(index))) routes.push(checked.route)
  })
  return { routes, problems }
}

/** `0.0.0.0` and `::` are every address. */
const ALL_ADDRESSES = ['0.0.0.0', '::']

function checkMetrics ({ listen, metrics }: ResolvedGatewayOptions): OptionProblem[] {
  if (metrics === undefined || metrics.port === 0 || metrics.port !== listen.port) return []
  const isShared = metrics.host === listen.host || [metrics.host, listen.host].some(host => ALL_ADDRESSES.includes(host))
  return isShared ? [problemAt(['metrics', 'port'], 'is the port of listen: metrics need one of their own')] : []
}

function checkForceHttps ({ force_https: isForced, listen, trust_proxy: proxies = [] }: ResolvedGatewayOptions): OptionProblem[] {
  const isBlind = isForced && listen.tls === undefined && proxies.length === 0
  return isBlind ? [problemAt(['force_https'], 'needs listen.tls or trust_proxy: without them every request looks plain, and would be redirected for ever')] : []
}

function reservedPaths ({ health }: ResolvedGatewayOptions): ReadonlyMap<string, string> {
  return new Map([[health.ping_path, 'health.ping_path'], [health.ready_path, 'health.ready_path']])
}

/** Looks at a whole configuration. Secrets are read from their managers; no provider and no upstream is contacted. */
export async function checkConfiguration (document: SourceDocument, { directory = process.cwd(), workers: given = null, ...sources }: CheckOptions = {}): Promise<CheckedConfiguration> {
  const referenced = await resolveReferences(document.value ?? {}, sources)
  const { options, problems: shape } = checkOptions(gatewaySchema, referenced.value)
  const unresolved = new Set(referenced.problems.map(({ path }) => JSON.stringify(path)))
  const problems = [...referenced.problems, ...shape.filter(({ path }) => !unresolved.has(JSON.stringify(path))).map(explainUnknown)]
  const invalid = (): CheckedConfiguration => ({ kind: 'invalid', problems: locate(problems, document.positionOf) })
  if (shape.some(({ path }) => path.length === 0)) return invalid()

  const isSound = (name: string): boolean => !problems.some(({ path }) => path[0] === name)
  const found = checkRoutes(options, shape, directory)
  const sound = isSound('health')
  const reserved = sound ? reservedPaths(options) : new Map<string, string>()
  const workers = given ?? (isSound('workers') ? options.workers : 1)
  const { endpoints, problems: endpointProblems } = isSound('endpoints') ? checkEndpoints(options, directory) : { endpoints: null, problems: [] }
  const { cores: formed, problems: coreProblems } = formCores(found.routes, [...reserved].map(([path, owner]) => ({ path, hosts: [ANY_HOST], owner })), endpoints)
  const { cores, problems: loners } = shareAmongWorkers(formed, workers)
  problems.push(...found.problems, ...endpointProblems, ...coreProblems, ...loners, ...findConflicts(found.routes, cores, reserved))
  if (isSound('routes')) problems.push(...findHomeless(cores, endpoints))
  if (sound) problems.push(...checkHealth(options))
  if (!shape.some(({ path }) => path[0] === 'secrets')) problems.push(...checkSecretManagers(options))
  if (['force_https', 'listen', 'trust_proxy'].every(isSound)) problems.push(...checkForceHttps(options))
  if (isSound('listen') && isSound('metrics')) problems.push(...checkMetrics(options))
  if (isSound('trust_proxy')) problems.push(...checkTrustProxy(options.trust_proxy ?? []))
  const certificates = isSound('listen') && options.listen.tls !== undefined ? await readTls(options.listen.tls, directory) : { tls: null, problems: [] }
  const robots = isSound('robots_txt') && isSound('endpoints') ? readRobots(options, directory) : { text: null, problems: [] }
  problems.push(...certificates.problems, ...robots.problems)
  if (problems.length > 0) return invalid()
  return {
    kind: 'valid',
    configuration: {
      listen: { host: options.listen.host, port: options.listen.port, bodyTimeout: options.listen.body_timeout === 0 ? null : options.listen.body_timeout },
      tls: certificates.tls,
      trustProxy: options.trust_proxy ?? [],
      health: { pingPath: options.health.ping_path, readyPath: options.health.ready_path },
      metrics: options.metrics ?? null,
      endpoints,
      forceHttps: options.force_https,
      robotsTxt: robots.text,
      logLevel: options.log.level,
      maxHeaderSize: options.max_header_size,
      workers,
      routes: found.routes,
      cores,
      conceal: concealer(document.value, referenced.value)
    }
  }
}
