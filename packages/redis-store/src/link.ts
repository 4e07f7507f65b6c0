import { Cluster, type Redis } from 'ioredis'
import { watchAvailability } from './availability.ts'
import { createClient, createListeningClient } from './client.ts'
import { connectionSettings } from './connection-settings.ts'
import { watchConnections } from './connection-watch.ts'
import { resolveUrl } from './contradictions.ts'
import { explain, isOwnFault, storeUnavailable } from './failure.ts'
import { createLinkLog, type Log } from './link-log.ts'
import type { RedisOptions } from './options.ts'
import type { RedisLink } from './redis-link.ts'
import { createSubscriber } from './subscriber.ts'

/** Ends a wait that nothing else would end. */
async function within<T> (work: Promise<T>, timeoutMs: number): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Command timed out')), timeoutMs)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/**
 * Opens the way to Redis. It resolves nothing and fails nothing by itself: what cannot be reached is told by `run` and `ready`, and in one line of the log.
 * @param options `session.redis`, parsed
 */
export function createRedisLink (options: RedisOptions, log: Log | null = null): RedisLink {
  const settings = connectionSettings(resolveUrl(options))
  const client = createClient(settings)
  const linkLog = createLinkLog(log, settings.address)
  const openTimeoutMs = options.connect_timeout + options.read_timeout
  const availability = watchAvailability({ client, log: linkLog, openTimeoutMs })
  const stopWatching = watchConnections({ client, sendTimeoutMs: options.send_timeout, idleTimeoutMs: options.keepalive_timeout, onIdle: availability.rest })
  const subscriber = createSubscriber(() => createListeningClient(settings, client))
  const commandTimeoutMs = client instanceof Cluster ? openTimeoutMs : null

  const run = async <T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> => {
    if (!availability.isUp) await availability.enter()
    try {
      return await (commandTimeoutMs === null ? command(client) : within(command(client), commandTimeoutMs))
    } catch (error) {
      if (isOwnFault(error)) throw error
      linkLog.refused(explain(error))
      throw storeUnavailable(error)
    }
  }
  return {
    client,
    run,
    subscribe: subscriber.subscribe,
    ready: async () => { await run(redis => redis.ping()) },
    onReconnected: availability.onReconnected,
    close: async () => {
      stopWatching()
      availability.close()
      await subscriber.close()
      client.disconnect()
    }
  }
}
