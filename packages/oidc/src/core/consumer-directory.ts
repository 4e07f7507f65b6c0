import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { systemClock } from 'fastify-oidc-session-store'
import { createListSource } from '../consumer/consumer-list.ts'
import { createConsumerLookup } from '../consumer/consumer-lookup.ts'
import { createConsumerMapper } from '../consumer/consumer-mapping.ts'
import type { ConsumerSource } from '../consumer/consumer-source.ts'
import { createHookSource, createRedisSource } from '../consumer/remote-consumers.ts'
import { ConsumersUnavailableError } from '../errors.ts'
import { readCredential, readGroups } from '../http/claim-values.ts'
import { ConsumerView, consumerHeaders } from '../http/consumer-view.ts'
import { createConsumers, type Consumers } from '../http/consumers.ts'
import { listAmbiguous, type ConsumerOptions, type ConsumerRecord } from '../options/consumer-options.ts'
import type { OidcHooks } from '../options/hooks.ts'
import type { OidcSettings } from '../options/settings.ts'
import { loadRedis } from './redis-package.ts'

/** The consumers of one core. */
export interface ConsumerDirectory {
  readonly consumers: Consumers
  /** @rejects FST_OIDC_CONSUMERS_UNAVAILABLE while the place that they come from does not answer; of a hook nobody knows before it is asked */
  ready (): Promise<void>
  close (): void | Promise<void>
}

type WarnAmbiguous = (list: readonly ConsumerRecord[]) => void

async function openSource (options: ConsumerOptions, { session }: OidcSettings, hooks: OidcHooks<FastifyRequest>, log: FastifyBaseLogger, warnAmbiguous: WarnAmbiguous): Promise<ConsumerSource | null> {
  if (hooks.resolveConsumer !== undefined) return createHookSource(hooks.resolveConsumer)
  if (options.redis !== undefined) {
    const { createRedisLink } = await loadRedis()
    return createRedisSource(createRedisLink(session.redis, log), options.redis.prefix)
  }
  if (options.file !== undefined) {
    const onBroken = (error: Error): void => { log.error({ oidc: 'consumers', err: error }, `consumer.file ${options.file ?? ''} cannot be used, and what it said before holds: ${error.message}`) }
    // Its parser of YAML is for those who have a file.
    const { openConsumerFile } = await import('../consumer/consumer-file.ts')
    return await openConsumerFile({ path: options.file, anonymous: options.anonymous, onRead: warnAmbiguous, onBroken })
  }
  if (options.list === undefined) return null
  warnAmbiguous(options.list)
  return createListSource(options.list)
}

/**
 * Opens where consumers come from; null: none are asked for.
 * @rejects FST_OIDC_CONSUMER_FILE_INVALID, FST_OIDC_REDIS_STORE_MISSING
 */
export async function openConsumers (settings: OidcSettings, hooks: OidcHooks<FastifyRequest>, log: FastifyBaseLogger): Promise<ConsumerDirectory | null> {
  const { consumer: options } = settings
  if (options === undefined) return null
  const clock = systemClock
  const source = await openSource(options, settings, hooks, log, list => {
    for (const sentence of listAmbiguous(list, options.by)) log.warn({ oidc: 'consumers' }, sentence)
  })
  if (source === null && !options.set_headers) return null
  const mapper = createConsumerMapper({
    options,
    lookup: source === null ? null : createConsumerLookup({ source, options, timeout: settings.timeout, clock }),
    clock,
    present (subject, consumer) {
      if (!options.set_headers) return new ConsumerView(consumer, {})
      const { sources } = subject ?? { sources: [] }
      return new ConsumerView(consumer, consumerHeaders(consumer, readCredential(settings, sources), subject === null ? [] : readGroups(settings, sources)))
    }
  })
  return {
    consumers: createConsumers(mapper),
    async ready () {
      try {
        await source?.ready()
      } catch (error) {
        throw Object.assign(new ConsumersUnavailableError(), { cause: error })
      }
    },
    close: async () => { await source?.close() }
  }
}
