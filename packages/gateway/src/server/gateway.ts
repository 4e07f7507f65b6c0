import Fastify, { type FastifyInstance, type onRequestAsyncHookHandler } from 'fastify'
import type { DestinationStream } from 'pino'
import type { GatewayConfiguration } from '../configuration/check.ts'
import { ROBOTS_PATH } from '../configuration/conflicts.ts'
import { RouteNotFoundError } from '../errors.ts'
import { createErrorAnswers, type ErrorAnswers } from './error-answers.ts'
import { forceHttps } from './force-https.ts'
import type { WorkerMetrics } from '../workers/messages.ts'
import { addHealthRoutes, createReadiness } from './health.ts'
import { hostStrategy } from './host-constraint.ts'
import { createListener, type Listener } from './listener.ts'
import { loggerOptions } from './log.ts'
import { pathGuard } from './path-guard.ts'
import { addRobots } from './robots.ts'
import { mountCore, mountOpenRoutes, type MountedCore } from './scopes.ts'

/** What a reload did. */
export interface ReloadResult {
  /** Parts that hold from now on. */
  readonly applied: readonly string[]
  /** Parts that have changed and hold after a restart. */
  readonly restart: readonly string[]
}

/** A gateway that stands, and may listen. */
export interface OpenGateway {
  readonly app: FastifyInstance
  listen (): Promise<string>
  /** Where metrics are read; null before the gateway listens, and where there are none. */
  metricsAddress (): string | null
  metrics (): Promise<WorkerMetrics>
  close (): Promise<void>
  apply (configuration: GatewayConfiguration): ReloadResult
}

export interface OpenOptions {
  /** Where log lines go. Default: standard output. */
  readonly logStream?: DestinationStream
  /** How long requests under way may take when the gateway closes, in seconds. */
  readonly drainTimeout?: number
  /** One of several workers: their primary serves the metrics, and says when all listen. Default: false. */
  readonly isWorker?: boolean
  /** Answers each request in place of what its route does, once the route is known. */
  readonly intercept?: onRequestAsyncHookHandler
}

const DRAIN_TIMEOUT = 10

function createApp (configuration: GatewayConfiguration, listener: Listener, errors: ErrorAnswers, { logStream, intercept }: OpenOptions): FastifyInstance {
  const app = Fastify({
    serverFactory: listener.factory,
    logger: loggerOptions(configuration.logLevel, logStream),
    trustProxy: configuration.trustProxy.length === 0 ? false : [...configuration.trustProxy],
    routerOptions: { constraints: { host: hostStrategy }, ignoreDuplicateSlashes: true },
    exposeHeadRoutes: false,
    // Who had a connection before the end was announced is served, and told to open another.
    return503OnClosing: false,
    frameworkErrors: errors.unreadable
  })
  if (configuration.forceHttps) app.addHook('onRequest', forceHttps(new Set(Object.values(configuration.health))))
  app.addHook('onRequest', pathGuard(configuration.routes))
  if (intercept !== undefined) app.addHook('onRequest', intercept)
  app.setErrorHandler(errors.answer)
  app.setNotFoundHandler(async () => { throw new RouteNotFoundError() })
  return app
}

/** What takes effect only when everything is built anew. */
const fixedParts = ({ tls, logLevel, conceal, ...rest }: GatewayConfiguration): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(rest).map(([name, part]) => [name, JSON.stringify(part)])),
  tls: String(tls !== null)
})

function changedParts (before: GatewayConfiguration, after: GatewayConfiguration): string[] {
  const old = fixedParts(before)
  const names = Object.entries(fixedParts(after)).filter(([name, part]) => old[name] !== part).map(([name]) => name)
  return names.filter(name => name !== 'cores' || !(names.includes('routes') || names.includes('endpoints')))
}

/** Builds the server from a configuration that holds. */
export async function openGateway (configuration: GatewayConfiguration, options: OpenOptions = {}): Promise<OpenGateway> {
  const listener = createListener({ tls: configuration.tls, maxHeaderSize: configuration.maxHeaderSize, bodyTimeout: configuration.listen.bodyTimeout })
  const cores: MountedCore[] = []
  const app = createApp(configuration, listener, createErrorAnswers(cores), options)
  const clientIds = new Set(configuration.cores.map(({ options: { client_id: clientId } }) => String(clientId)))
  const metrics = configuration.metrics === null ? null : (await import('../metrics/metrics.ts')).openMetrics(app, { ...configuration.metrics, clientIds, cores })
  let metricsAddress: string | null = null
  for (const core of configuration.cores) cores.push(await mountCore(app, core))
  await mountOpenRoutes(app, configuration.routes.filter(({ protection }) => protection.kind === 'open'), cores[0]?.oidc.cookies ?? null)
  if (configuration.robotsTxt !== null) addRobots(app, ROBOTS_PATH, configuration.robotsTxt)
  addHealthRoutes(app, configuration.health, createReadiness(cores))
  let current = configuration

  return {
    app,
    metricsAddress: () => metricsAddress,
    metrics: async () => await metrics?.read() ?? [],
    async listen () {
      if (metrics !== null && options.isWorker !== true) {
        metricsAddress = await metrics.listen()
        app.log.info(`metrics at ${metricsAddress}`)
      }
      // Fastify does not look at the server that the factory made.
      const withScheme = (address: string): string => configuration.tls === null ? address : address.replace(/^http:/, 'https:')
      const { host, port } = configuration.listen
      return withScheme(await app.listen({ host, port, listenTextResolver: address => `${options.isWorker === true ? 'a worker is ' : ''}listening at ${withScheme(address)}` }))
    },
    async close () {
      listener.drain()
      const limit = setTimeout(() => { listener.cut() }, (options.drainTimeout ?? DRAIN_TIMEOUT) * 1000)
      try {
        await app.close()
      } finally {
        clearTimeout(limit)
      }
    },
    apply (next) {
      const applied: string[] = []
      if (next.tls !== null && current.tls !== null && (next.tls.cert !== current.tls.cert || next.tls.key !== current.tls.key || next.tls.minVersion !== current.tls.minVersion)) {
        listener.secure(next.tls)
        applied.push('listen.tls')
      }
      if (next.logLevel !== current.logLevel) {
        app.log.level = next.logLevel
        applied.push('log.level')
      }
      const restart = changedParts(configuration, next)
      current = { ...current, tls: current.tls === null ? null : next.tls ?? current.tls, logLevel: next.logLevel }
      return { applied, restart }
    }
  }
}
