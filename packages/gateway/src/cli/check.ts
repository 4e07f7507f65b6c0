import type { GatewayConfiguration } from '../configuration/check.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import type { Terminal } from './terminal.ts'

const count = (amount: number, singular: string, plural: string): string => `${amount} ${amount === 1 ? singular : plural}`

function summarize ({ routes, cores, endpoints, tls }: GatewayConfiguration): string {
  const open = routes.filter(({ protection }) => protection.kind === 'open').length
  return [
    count(routes.length, 'route', 'routes'),
    `${routes.length - open} protected`,
    `${open} open`,
    count(cores.length, 'core', 'cores'),
    ...endpoints === null ? [] : [`endpoints under ${endpoints.prefix}`],
    tls === null ? 'plain HTTP' : 'TLS'
  ].join(', ')
}

/** `oidc-gateway check`. Answers the exit code. */
export async function runCheck (source: ConfigurationSource, terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  terminal.out(`${terminal.style('out', 'green', 'ok')}  ${summarize(configuration)}`)
  return 0
}
