import { resourcesIn, type RoutePolicy } from 'fastify-oidc'
import type { GatewayCore } from '../configuration/cores.ts'
import { endpointUris } from '../configuration/endpoints.ts'
import { ANY_HOST } from '../configuration/hosts.ts'
import type { GatewayRoute } from '../configuration/routes.ts'
import { formatUpstream } from '../configuration/upstream.ts'
import { formatUri } from '../configuration/uri.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import { formatTable } from './report.ts'
import { METADATA_METHODS, requirementsOf, routeLines, textsOf } from './route-lines.ts'
import type { Terminal } from './terminal.ts'

const HEADINGS = ['HOST', 'METHODS', 'URI', 'UPSTREAM', 'PROTECTED BY']

/** Who passes without a session, and where. */
function openingsOf (options: Readonly<Record<string, unknown>>): string[] {
  const rules = [...textsOf(options.skip_auth_routes), ...options.skip_auth_preflight === true ? ['OPTIONS'] : []]
  const networks = textsOf(options.trusted_ips)
  return [
    ...rules.length === 0 ? [] : [`open: ${rules.join(' ')}`],
    ...networks.length === 0 ? [] : [`open to: ${networks.join(' ')}`]
  ]
}

const takesPasswords = ({ auth_methods: methods = [] }: RoutePolicy): boolean => methods.includes('password') || methods.includes('client_credentials')

function protectionOf ({ protection }: GatewayRoute): string {
  if (protection.kind === 'open') return 'OPEN'
  const { policy, options } = protection
  return [
    clientOf(options),
    options.bearer_only === true ? (takesPasswords(policy) ? 'no sessions' : 'bearer tokens alone') : `unauthenticated: ${policy.unauth_action ?? 'auth'}`,
    ...resourcesIn(options).map(({ uri }) => `resource: ${uri}`),
    ...requirementsOf(protection).map(([option, required]) => `${option}: ${required}`),
    ...openingsOf(options)
  ].join(', ')
}

const hostName = (host: string): string => host === ANY_HOST ? 'any' : host

function clientOf (options: Readonly<Record<string, unknown>>): string {
  return `openid-connect ${String(options.client_id)} at ${new URL(String(options.discovery)).host}`
}

/** Answers of the gateway itself, about logins of a core. */
function endpointRowsOf ({ hosts, options, endpoints }: GatewayCore): string[][] {
  if (endpoints === null) return []
  return hosts.flatMap(host => endpointUris(endpoints).map(uri => [hostName(host), 'all', uri, 'endpoint', `of ${clientOf(options)}`]))
}

/** Public, whatever protects the routes. */
function metadataRowsOf ({ hosts, options }: GatewayCore): string[][] {
  return hosts.flatMap(host => resourcesIn(options).map(({ metadataPath, uri }) => [hostName(host), METADATA_METHODS.join(','), metadataPath, 'metadata', `of ${uri}`]))
}

function rowsOf (route: GatewayRoute): string[][] {
  const upstream = formatUpstream(route.upstream)
  return route.hosts.flatMap(host => route.uris.map(uri => [
    hostName(host),
    route.methods?.join(',') ?? 'all',
    formatUri(uri),
    upstream,
    protectionOf(route)
  ]))
}

/** `oidc-gateway routes`. Answers the exit code. */
export async function runRoutes (source: ConfigurationSource, format: 'text' | 'json', terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  if (format === 'json') {
    for (const line of routeLines(configuration)) terminal.out(line)
    return 0
  }
  const { routes, cores, conceal } = configuration
  const [heading = '', ...lines] = formatTable([HEADINGS, ...[...routes.flatMap(rowsOf), ...cores.flatMap(endpointRowsOf), ...cores.flatMap(metadataRowsOf)].map(row => row.map(conceal))])
  terminal.out(terminal.style('out', 'bold', heading))
  for (const line of lines) terminal.out(line.endsWith('OPEN') ? terminal.style('out', 'yellow', line) : line)
  return 0
}
