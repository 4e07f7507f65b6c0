import type { Cluster, Redis } from 'ioredis'
import { afterReading, watchAnswers } from './answer-watch.ts'
import { watchAvailability } from './availability.ts'
import { addressOf, createClient, createListeningClient, duplicateForListening, isCluster, leaveMaster } from './client.ts'
import { connectionSettings, sentinelOptions, type ConnectionSettings } from './connection-settings.ts'
import { watchConnections } from './connection-watch.ts'
import { StoreUnavailableError } from 'fastify-oidc-session-store'
import { explain, isOwnFault, isReadOnly, isReply, storeUnavailable } from './failure.ts'
import { createKeyTracking, type ChangeListener, type KeyTracking } from './key-tracking.ts'
import { createLinkLog, type LinkLog, type Log } from './link-log.ts'
import { watchMaster } from './master-watch.ts'
import type { RedisOptions } from './options.ts'
import type { RedisLink } from './redis-link.ts'
import { resolveUrl } from './resolve-url.ts'
import { createSubscriber } from './subscriber.ts'
import { trackedServers, watchReads } from './tracked-servers.ts'

type Timeouts = Pick<RedisOptions, 'connect_timeout' | 'read_timeout'>

interface Way {
  readonly client: Redis | Cluster
  readonly address: string
  /** Makes a client for one attempt to hear channels; null when nothing can be tried now. */
  readonly listen: () => Redis | null
  /** The longest that one command may take. */
  readonly commandTimeoutMs: number
}

/** Ends a wait that nothing else would end; an answer that is there and not yet read is an answer. */
async function within<T> (work: Promise<T>, timeoutMs: number): Promise<T> {
  return await new Promise<T>((resolve, reject) => {
    const giveUp = (): void => { reject(new Error('Command timed out')) }
    const timer = setTimeout(() => { afterReading().then(giveUp, giveUp) }, timeoutMs)
    work.then(resolve, reject).finally(() => { clearTimeout(timer) })
  })
}

/** Until it is closed, or the link is. */
function createTracker (client: Redis | Cluster, linkLog: LinkLog): { readonly track: RedisLink['track'], readonly close: () => void } {
  const open = new Set<KeyTracking>()
  const track = (prefix: string, listener: ChangeListener): KeyTracking => {
    const { tracking, lose } = createKeyTracking({
      servers: () => trackedServers(client, prefix),
      listener,
      onTold: refusal => linkLog.untracked(refusal === null ? null : refusal.message)
    })
    const stopWatching = watchReads(client, lose)
    const own: KeyTracking = {
      get isHeard () { return tracking.isHeard },
      isFresh: tracking.isFresh,
      close: () => {
        open.delete(own)
        stopWatching()
        tracking.close()
      }
    }
    open.add(own)
    return own
  }
  return { track, close: () => { for (const own of [...open]) own.close() } }
}

function openLink ({ client, address, listen, commandTimeoutMs }: Way, timeouts: Timeouts, log: Log | null): RedisLink & { readonly rest: () => void, readonly renewSubscriptions: () => void } {
  const linkLog = createLinkLog(log, address)
  const availability = watchAvailability({ client, log: linkLog, openTimeoutMs: timeouts.connect_timeout + timeouts.read_timeout })
  const subscriber = createSubscriber(listen)
  const tracker = createTracker(client, linkLog)

  const attempt = async <T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> => {
    if (!availability.isUp) await availability.enter()
    return await within(command(client), commandTimeoutMs)
  }
  const run = async <T>(command: (client: Redis | Cluster) => Promise<T>): Promise<T> => {
    try {
      // What a replica has refused has not run: it goes to the master that is being connected to.
      return await attempt(command).catch(error => isReadOnly(error) && !availability.isUp ? attempt(command) : Promise.reject(error))
    } catch (error) {
      if (isOwnFault(error) || error instanceof StoreUnavailableError) throw error
      if (isReply(error)) linkLog.refused(explain(error))
      else linkLog.broke(explain(error))
      throw storeUnavailable(error)
    }
  }
  return {
    client,
    answerTimeoutMs: timeouts.read_timeout,
    run,
    subscribe: subscriber.subscribe,
    track: tracker.track,
    ready: async () => { await run(redis => redis.ping()) },
    onReconnected: availability.onReconnected,
    rest: availability.rest,
    renewSubscriptions: subscriber.renew,
    close: async () => {
      availability.close()
      tracker.close()
      await subscriber.close()
    }
  }
}

/** Where sentinels say where the master is. Answers the function that ends it. */
function followMaster (client: Redis | Cluster, settings: ConnectionSettings, onLeft: () => void): () => void {
  const { place } = settings
  if (isCluster(client) || place.kind !== 'sentinel') return () => {}
  return watchMaster({
    sentinels: sentinelOptions(settings),
    masterName: place.masterName,
    isWanted: () => client.status !== 'wait' && client.status !== 'end',
    onMoved: master => {
      if (!leaveMaster(client, master)) return false
      onLeft()
      return true
    }
  })
}

/**
 * Opens the way to Redis. What cannot be reached is told by `run` and `ready`, and in one line of the log; it is tried again until `close`.
 * @param options `session.redis`, parsed
 */
export function createRedisLink (options: RedisOptions, log: Log | null = null): RedisLink {
  const settings = connectionSettings(resolveUrl(options))
  const client = createClient(settings)
  const way = {
    client,
    address: settings.address,
    listen: () => createListeningClient(settings, client),
    commandTimeoutMs: options.read_timeout + (isCluster(client) ? options.connect_timeout : 0)
  }
  const { rest, renewSubscriptions, ...link } = openLink(way, options, log)
  const stopWatching = watchConnections({ client, sendTimeoutMs: options.send_timeout, idleTimeoutMs: options.keepalive_timeout, onIdle: rest })
  const stopTiming = watchAnswers(client, options.read_timeout)
  const stopFollowing = followMaster(client, settings, renewSubscriptions)
  return {
    ...link,
    close: async () => {
      stopFollowing()
      stopTiming()
      stopWatching()
      await link.close()
      client.disconnect()
    }
  }
}

/** Goes through a client of the application's own, with that client's settings. `close` leaves it open. */
export function createLinkThrough (client: Redis | Cluster, timeouts: Timeouts, log: Log | null = null): RedisLink {
  const listen = (): Redis | null => duplicateForListening(client, timeouts.connect_timeout)
  const { rest, renewSubscriptions, ...link } = openLink({ client, address: addressOf(client), listen, commandTimeoutMs: timeouts.read_timeout }, timeouts, log)
  return link
}
