import type { GatewayConfiguration } from '../configuration/check.ts'
import { loadConfiguration } from '../configuration/load.ts'
import { reportProblems } from './report.ts'
import type { Terminal } from './terminal.ts'

const count = (amount: number, singular: string, plural: string): string => `${amount} ${amount === 1 ? singular : plural}`

function summarize ({ routes, cores, tls }: GatewayConfiguration): string {
  const open = routes.filter(({ protection }) => protection.kind === 'open').length
  return [
    count(routes.length, 'route', 'routes'),
    `${routes.length - open} protected`,
    `${open} open`,
    count(cores.length, 'core', 'cores'),
    tls === null ? 'plain HTTP' : 'TLS'
  ].join(', ')
}

/** `oidc-gateway check`. Answers the exit code. */
export async function runCheck (file: string, terminal: Terminal): Promise<number> {
  const checked = await loadConfiguration(file)
  if (checked.kind === 'invalid') {
    reportProblems(terminal, file, checked.problems)
    return 2
  }
  terminal.out(`${terminal.style('out', 'green', 'ok')}  ${summarize(checked.configuration)}`)
  return 0
}
