import type { FastifyInstance } from 'fastify'
import { checkConfiguration, type CheckOptions, type GatewayConfiguration } from './configuration/check.ts'
import { formatProblems } from './configuration/problems.ts'
import type { GatewayOptions } from './configuration/schema.ts'
import { ConfigurationInvalidError } from './errors.ts'
import { openGateway, type OpenOptions, type ReloadResult } from './server/gateway.ts'

/** Options of `createGateway` that stand in no file. */
export interface CreateGatewayOptions extends CheckOptions, OpenOptions {}

/** A gateway. */
export interface Gateway {
  /** The Fastify application, for tests: `gateway.app.inject(…)`. */
  readonly app: FastifyInstance
  /** Starts to listen; answers the address, such as `http://127.0.0.1:4180`. */
  listen (): Promise<string>
  /** Where metrics are read: `http://127.0.0.1:9090/metrics`; null before the gateway listens, and without `metrics`. */
  metricsAddress (): string | null
  /** Stops: no new connections, requests under way are finished for at most `drainTimeout` seconds. */
  close (): Promise<void>
  /**
   * Takes over what can change while the server runs: certificates and log level.
   * @rejects FST_OIDC_GATEWAY_CONFIGURATION_INVALID with every problem at once; the old configuration goes on
   */
  reload (configuration: GatewayOptions): Promise<ReloadResult>
}

async function checkOrThrow (input: GatewayOptions, options: CheckOptions): Promise<GatewayConfiguration> {
  const checked = await checkConfiguration({ value: input, positionOf: () => null }, options)
  if (checked.kind === 'invalid') throw new ConfigurationInvalidError(formatProblems(checked.problems, null))
  if (checked.configuration.workers !== 1) throw new ConfigurationInvalidError('workers is for oidc-gateway start: here, fork as you like, and register each with session.coordination')
  return checked.configuration
}

/**
 * Makes a gateway from what would stand in its file. It does not listen yet, and no provider is asked.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_INVALID with every problem at once
 */
export async function createGateway (configuration: GatewayOptions, options: CreateGatewayOptions = {}): Promise<Gateway> {
  const open = await openGateway(await checkOrThrow(configuration, options), options)
  return {
    app: open.app,
    listen: open.listen,
    metricsAddress: open.metricsAddress,
    close: open.close,
    reload: async next => open.apply(await checkOrThrow(next, options))
  }
}
