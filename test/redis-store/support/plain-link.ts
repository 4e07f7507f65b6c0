import { Redis, type Cluster } from 'ioredis'
import { StoreUnavailableError } from 'fastify-oidc-session-store'
import type { ChannelListener, RedisLink } from 'fastify-oidc-redis-store'

/** Something that takes work to be done at the end. */
export interface Owner {
  teardown (work: () => unknown): unknown
}

/** A link in whose ways a test can stand: it counts, and it loses and finds its connections when it is told to. */
export interface PlainLink extends RedisLink {
  /** How many commands and scripts were run. */
  readonly count: number
  /** Waits before each command, so that a test can put something between two of them. Default: nothing. */
  before: (() => Promise<void>) | null
  /** From here on Redis cannot be reached. */
  down: boolean
  /** The channels are no longer heard: what is published meanwhile is missed. */
  losePush (): Promise<void>
  /** They are heard again. */
  findPush (): Promise<void>
  /** The connection for commands stands again. */
  reconnect (): void
}

/** The shortest way to a Redis of the test's own: no time-outs, no reconnection of interest. */
export function createPlainLink (owner: Owner, client: Redis): PlainLink {
  const subscriber = client.duplicate({ protocol: 2 })
  subscriber.on('error', () => {})
  const listeners = new Map<string, Set<ChannelListener>>()
  const reconnected = new Set<() => void>()
  subscriber.on('messageBuffer', (channel: Buffer, payload: Buffer) => { for (const listener of listeners.get(channel.toString()) ?? []) listener.message(payload) })
  owner.teardown(() => { subscriber.disconnect() })
  const each = (tell: (listener: ChannelListener) => void): void => { for (const set of listeners.values()) for (const listener of set) tell(listener) }

  let count = 0
  const link: PlainLink = {
    client,
    answerTimeoutMs: 1000,
    get count () { return count },
    before: null,
    down: false,
    async run<T> (command: (client: Redis | Cluster) => Promise<T>): Promise<T> {
      count++
      await link.before?.()
      if (link.down) throw new StoreUnavailableError()
      return await command(client)
    },
    subscribe (channel, listener) {
      const set = listeners.get(channel) ?? new Set()
      listeners.set(channel, set.add(listener))
      subscriber.subscribe(channel).then(() => { if (set.has(listener)) listener.heard() }, () => {})
      return {
        async close () {
          set.delete(listener)
          if (set.size === 0 && subscriber.status === 'ready') await subscriber.unsubscribe(channel)
        }
      }
    },
    track: () => ({ isHeard: false, isFresh: () => false, close: () => {} }),
    async ready () { await link.run(current => current.ping()) },
    onReconnected (listener) {
      reconnected.add(listener)
      return () => { reconnected.delete(listener) }
    },
    async close () {},
    async losePush () {
      await subscriber.unsubscribe(...listeners.keys())
      each(listener => { listener.lost() })
    },
    async findPush () {
      await subscriber.subscribe(...listeners.keys())
      each(listener => { listener.heard() })
    },
    reconnect () { for (const listener of reconnected) listener() }
  }
  return link
}
