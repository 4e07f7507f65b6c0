import cluster from 'node:cluster'
import { AggregatorRegistry } from 'prom-client'
import type { FastifyInstance } from 'fastify'
import { coordinateWorkers } from 'fastify-oidc-session-store'
import pino, { type Logger } from 'pino'
import type { GatewayConfiguration } from '../configuration/check.ts'
import { loadConfiguration } from '../configuration/load.ts'
import { formatProblems } from '../configuration/problems.ts'
import { countWorkers } from '../configuration/worker-count.ts'
import { createMetricsServer } from '../metrics/metrics.ts'
import { loggerOptions } from '../server/log.ts'
import { untilStopped } from '../server/shutdown.ts'
import { createWorkerPool, type WorkerPool } from '../workers/pool.ts'
import type { ConfigurationSource } from './arguments.ts'
import { reportFailure } from './report.ts'
import type { Terminal } from './terminal.ts'

/** Metrics of all workers in one, at the address of the file. */
function serveMetrics (pool: WorkerPool): FastifyInstance {
  return createMetricsServer(async () => AggregatorRegistry.aggregate(await pool.metrics()))
}

async function renew (pool: WorkerPool, { file, foreign, workers }: ConfigurationSource, log: Logger): Promise<void> {
  try {
    const checked = await loadConfiguration(file, process.env, foreign, workers)
    if (checked.kind === 'invalid') {
      log.error({ problems: formatProblems(checked.problems, file).split('\n') }, 'the workers were not replaced: the configuration does not hold')
      return
    }
    log.level = checked.configuration.logLevel
    const count = countWorkers(checked.configuration.workers)
    if (await pool.renew(count)) log.info({ workers: count }, 'the configuration was read again, and the workers were replaced')
  } catch (err) {
    log.error({ err }, 'the workers were not replaced')
  }
}

/** Several workers at one address. Answers the exit code once all have stopped. */
export async function runPool (configuration: GatewayConfiguration, source: ConfigurationSource, terminal: Terminal): Promise<number> {
  if (!cluster.isPrimary) {
    terminal.err('oidc-gateway: workers must be 1 where another program has forked this one')
    return 2
  }
  const log = pino(loggerOptions(configuration.logLevel, undefined))
  const endCoordination = coordinateWorkers()
  const pool = createWorkerPool({ log })
  const metrics = configuration.metrics === null ? null : serveMetrics(pool)
  const close = async (): Promise<void> => {
    await pool.close()
    await metrics?.close()
    await endCoordination()
  }
  process.on('SIGHUP', () => { void renew(pool, source, log) })
  const stopped = untilStopped({ log, close, cut: pool.kill })
  try {
    const count = countWorkers(configuration.workers)
    const address = await pool.open(count)
    if (metrics !== null && configuration.metrics !== null) log.info(`metrics at ${await metrics.listen({ ...configuration.metrics })}/metrics`)
    log.info({ workers: count }, `listening at ${address}`)
  } catch (error) {
    reportFailure(terminal, error)
    pool.kill()
    await close()
    return 1
  }
  return await stopped
}
