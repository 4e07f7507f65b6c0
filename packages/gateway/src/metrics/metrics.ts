import Fastify, { type FastifyInstance } from 'fastify'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { CoreHealth } from '../server/health.ts'
import type { WorkerMetrics } from '../workers/messages.ts'
import { countCaches } from './cache-metrics.ts'
import { countEvents } from './event-metrics.ts'
import { measureRequests } from './http-metrics.ts'
import { gaugeParts } from './part-metrics.ts'

export interface MetricsOptions {
  readonly host: string
  readonly port: number
  /** Clients whose logins and sessions are counted. */
  readonly clientIds: ReadonlySet<string>
  /** Read whenever the metrics are: cores may be added. */
  readonly cores: readonly CoreHealth[]
}

/** Metrics of a gateway, at an address of their own. */
export interface Metrics {
  /** Answers the address: `http://127.0.0.1:9090/metrics`. */
  listen (): Promise<string>
  /** To be summed with those of other processes. */
  read (): Promise<WorkerMetrics>
}

/** Serves metrics at an address of their own. */
export function createMetricsServer (read: () => Promise<Pick<Registry, 'contentType' | 'metrics'>>): FastifyInstance {
  const server = Fastify({ forceCloseConnections: true })
  server.get('/metrics', async (_request, reply) => {
    const register = await read()
    reply.header('cache-control', 'no-store').type(register.contentType)
    return await register.metrics()
  })
  return server
}

/** Begins to count; `app` has no routes yet. It ends with the application. */
export function openMetrics (app: FastifyInstance, { host, port, clientIds, cores }: MetricsOptions): Metrics {
  const register = new Registry()
  collectDefaultMetrics({ register })
  measureRequests(app, register)
  gaugeParts(cores, register)
  countCaches(cores, register)
  const stopCounting = countEvents(clientIds, register)
  const server = createMetricsServer(async () => register)
  app.addHook('onClose', async () => {
    stopCounting()
    await server.close()
  })
  return {
    async listen () { return `${await server.listen({ host, port })}/metrics` },
    read: async () => await register.getMetricsAsJSON()
  }
}
