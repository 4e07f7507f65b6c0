import { ANY_HOST } from '../configuration/hosts.ts'
import type { GatewayRoute } from '../configuration/routes.ts'
import { formatUpstream } from '../configuration/upstream.ts'
import { formatUri } from '../configuration/uri.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import { formatTable } from './report.ts'
import type { Terminal } from './terminal.ts'

const HEADINGS = ['HOST', 'METHODS', 'URI', 'UPSTREAM', 'PROTECTED BY']

function protectionOf ({ protection }: GatewayRoute): string {
  if (protection.kind === 'open') return 'OPEN'
  const { policy, options } = protection
  const scopes = policy.required_scopes ?? []
  return [
    `openid-connect ${String(options.client_id)} at ${new URL(String(options.discovery)).host}`,
    options.bearer_only === true ? 'bearer tokens alone' : `unauthenticated: ${policy.unauth_action ?? 'auth'}`,
    ...scopes.length === 0 ? [] : [`scopes: ${scopes.join(' ')}`]
  ].join(', ')
}

function rowsOf (route: GatewayRoute): string[][] {
  const upstream = formatUpstream(route.upstream)
  return route.hosts.flatMap(host => route.uris.map(uri => [
    host === ANY_HOST ? 'any' : host,
    route.methods?.join(',') ?? 'all',
    formatUri(uri),
    upstream,
    protectionOf(route)
  ]))
}

/** `oidc-gateway routes`. Answers the exit code. */
export async function runRoutes (source: ConfigurationSource, terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  const { routes, conceal } = configuration
  const [heading = '', ...lines] = formatTable([HEADINGS, ...routes.flatMap(rowsOf).map(row => row.map(conceal))])
  terminal.out(terminal.style('out', 'bold', heading))
  for (const line of lines) terminal.out(line.endsWith('OPEN') ? terminal.style('out', 'yellow', line) : line)
  return 0
}
