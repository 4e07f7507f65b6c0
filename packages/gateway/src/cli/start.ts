import type { GatewayConfiguration } from '../configuration/check.ts'
import { loadConfiguration } from '../configuration/load.ts'
import { formatProblems } from '../configuration/problems.ts'
import { countWorkers } from '../configuration/worker-count.ts'
import { openGateway, type OpenGateway } from '../server/gateway.ts'
import { untilStopped } from '../server/shutdown.ts'
import { isMember } from '../workers/member.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import { reportFailure } from './report.ts'
import type { Terminal } from './terminal.ts'

async function reload (gateway: OpenGateway, { file, foreign }: ConfigurationSource, { environment }: Terminal): Promise<void> {
  const { log } = gateway.app
  try {
    const checked = await loadConfiguration(file, environment, foreign)
    if (checked.kind === 'invalid') {
      log.error({ problems: formatProblems(checked.problems, file).split('\n') }, 'the configuration was not reloaded: it does not hold')
      return
    }
    const { applied, restart } = gateway.apply(checked.configuration)
    log.info({ applied }, 'the configuration was read again')
    if (restart.length > 0) log.warn({ restart }, 'some changes take effect after a restart only')
  } catch (err) {
    log.error({ err }, 'the configuration was not reloaded')
  }
}

async function runAlone (configuration: GatewayConfiguration, source: ConfigurationSource, terminal: Terminal): Promise<number> {
  const gateway = await openGateway(configuration)
  process.on('SIGHUP', () => { void reload(gateway, source, terminal) })
  const stopped = untilStopped({ log: gateway.app.log, close: gateway.close, cut: () => {} })
  try {
    await gateway.listen()
  } catch (error) {
    reportFailure(terminal, error)
    await gateway.close()
    return 1
  }
  return await stopped
}

/** `oidc-gateway start`. Answers the exit code once the gateway has stopped. */
export async function runStart (source: ConfigurationSource, terminal: Terminal): Promise<number> {
  // The way to the primary would keep this process alive.
  if (isMember()) process.exit(await (await import('./start-member.ts')).runMember(source, terminal))
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  if (countWorkers(configuration.workers) === 1) return await runAlone(configuration, source, terminal)
  const { runPool } = await import('./start-pool.ts')
  return await runPool(configuration, source, terminal)
}
