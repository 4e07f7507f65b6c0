import type { Redis } from 'ioredis'
import { retryDelayMs } from './connection-settings.ts'
import type { ChannelListener, Subscription } from './redis-link.ts'

const PING_EVERY_MS = 300
const PONG_WITHIN_MS = 500

export interface Subscriber {
  subscribe (channel: string, listener: ChannelListener): Subscription
  /** Connects anew: what it is connected to is not the one to listen to any more. */
  renew (): void
  close (): Promise<void>
}

interface Channel {
  readonly listeners: Set<ChannelListener>
  heard: boolean
}

/**
 * Hears channels over a connection of its own, which is opened for the first listener and closed after the last.
 * @param connect a new client that does not reconnect by itself; each attempt gets another; null when nothing can be tried now
 */
export function createSubscriber (connect: () => Redis | null): Subscriber {
  const channels = new Map<string, Channel>()
  let connection: Redis | null = null
  let timer: NodeJS.Timeout | null = null
  let attempts = 0
  let closed = false

  const stopTimer = (): void => {
    if (timer !== null) clearTimeout(timer)
    timer = null
  }
  const tellHeard = (channel: Channel): void => {
    channel.heard = true
    for (const listener of [...channel.listeners]) listener.heard()
  }
  const hear = async (own: Redis, name: string): Promise<void> => {
    const channel = channels.get(name)
    await own.subscribe(name)
    if (own === connection && channel !== undefined && channels.get(name) === channel) tellHeard(channel)
  }
  const drop = (own: Redis): void => {
    if (own !== connection) return
    connection = null
    stopTimer()
    own.disconnect()
    own.stream?.destroy()
    for (const channel of channels.values()) {
      if (!channel.heard) continue
      channel.heard = false
      for (const listener of [...channel.listeners]) listener.lost()
    }
    openLater()
  }
  const openLater = (): void => {
    if (closed || channels.size === 0) return
    attempts++
    timer = setTimeout(() => {
      timer = null
      open()
    }, retryDelayMs(attempts))
  }
  const listen = (own: Redis): void => {
    timer = setTimeout(() => {
      const late = setTimeout(() => {
        // What has arrived while this process was busy is read first.
        setImmediate(() => { if (!answered) drop(own) })
      }, PONG_WITHIN_MS)
      let answered = false
      own.ping().then(() => {
        answered = true
        clearTimeout(late)
        if (own === connection) listen(own)
      }, () => {
        clearTimeout(late)
        drop(own)
      })
    }, PING_EVERY_MS)
  }
  function open (): void {
    const own = connect()
    connection = own
    if (own === null) return openLater()
    own.on('error', () => {})
    own.once('end', () => drop(own))
    own.on('messageBuffer', (channel: Buffer, payload: Buffer) => {
      if (own !== connection) return
      for (const listener of [...channels.get(channel.toString())?.listeners ?? []]) listener.message(payload)
    })
    own.connect().then(async () => {
      await Promise.all([...channels.keys()].map(name => hear(own, name)))
      if (own !== connection) return
      attempts = 0
      listen(own)
    }).catch(() => drop(own))
  }

  const leave = (): void => {
    stopTimer()
    const own = connection
    connection = null
    own?.disconnect()
  }

  return {
    subscribe: (name, listener) => {
      const known = channels.get(name)
      const channel = known ?? { listeners: new Set<ChannelListener>(), heard: false }
      channel.listeners.add(listener)
      channels.set(name, channel)
      if (known?.heard === true) queueMicrotask(() => { if (channel.heard && channel.listeners.has(listener)) listener.heard() })
      else if (known === undefined && connection?.status === 'ready') hear(connection, name).catch(() => { if (connection !== null) drop(connection) })
      else if (connection === null && timer === null) open()
      return {
        close: async () => {
          channel.listeners.delete(listener)
          if (channel.listeners.size > 0 || channels.get(name) !== channel) return
          channels.delete(name)
          if (channels.size === 0) leave()
          else if (connection?.status === 'ready') await connection.unsubscribe(name).catch(() => {})
        }
      }
    },
    renew: () => { if (connection !== null) drop(connection) },
    close: async () => {
      closed = true
      channels.clear()
      leave()
    }
  }
}
