import type { Cluster, Redis } from 'ioredis'
import type { ChangeListener, KeyTracking } from './key-tracking.ts'

/** A listener to one channel. */
export interface Subscription {
  close (): Promise<void>
}

export interface ChannelListener {
  message (payload: Buffer): void
  /** The channel is heard, for the first time or again: what was said before may have been missed. */
  heard (): void
  /** The channel is no longer heard: the connection broke, or does not answer. */
  lost (): void
}

/** The way to one Redis, whatever its kind. The store and the coordinator know nothing of connections. */
export interface RedisLink {
  /** For commands that are defined once (`defineCommand`); everything else goes through `run`. */
  readonly client: Redis | Cluster
  /** For so long `run` waits for one answer. */
  readonly answerTimeoutMs: number
  /**
   * Runs one command or pipeline.
   * @throws FST_OIDC_STORE_UNAVAILABLE for every way in which Redis does not do it: unreachable, too slow, out of memory, read-only
   */
  run<T> (command: (client: Redis | Cluster) => Promise<T>): Promise<T>
  subscribe (channel: string, listener: ChannelListener): Subscription
  /** Hears which keys below the prefix change, as long as somebody is interested. */
  track (prefix: string, listener: ChangeListener): KeyTracking
  /**
   * Resolves when Redis answers now.
   * @throws FST_OIDC_STORE_UNAVAILABLE
   */
  ready (): Promise<void>
  /** Called whenever a connection for commands stands again after it was lost, so that what may be gone is written again. Answers the function that takes the listener off. */
  onReconnected (listener: () => void): () => void
  close (): Promise<void>
}
