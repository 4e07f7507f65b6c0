import { createSealer, createSecretNames, systemClock, type Clock, type SessionCoordinator } from 'fastify-oidc-session-store'
import { channelOf, createEndMarkTable } from './end-mark-table.ts'
import { createKnownEnds } from './known-ends.ts'
import { createRecentWrites } from './recent-writes.ts'
import type { RedisLink } from './redis-link.ts'
import { createRedisLocks } from './redis-locks.ts'
import { createRedisResults } from './redis-results.ts'
import { waitForReplicas } from './replication.ts'

// No mark of ours is longer; what is longer need not be opened.
const MAX_MESSAGE_BYTES = 2 ** 20

export interface RedisCoordinatorOptions {
  readonly link: RedisLink
  /** Seals what instances tell each other, and names it. */
  readonly secret: string
  /** Former or coming secrets: they open and never seal. */
  readonly fallbacks?: readonly string[]
  /** In front of every key and channel. Default: `sessions`. */
  readonly prefix?: string
  readonly clock?: Clock
}

/** Agreement between all who use the same Redis, prefix and secret. */
export function createRedisCoordinator ({ link, secret, fallbacks = [], prefix = 'sessions', clock = systemClock }: RedisCoordinatorOptions): SessionCoordinator {
  const channel = channelOf(prefix)
  const table = createEndMarkTable({ link, secret, fallbacks, prefix, clock })
  const releases = createSealer({ secret, fallbacks, purpose: 'redis-release', binding: '' })
  const locks = createRedisLocks({
    link, prefix, channel, names: createSecretNames({ secret, fallbacks, purpose: 'redis-lock' }), tellReleased: name => releases.seal(Buffer.from(name))
  })
  const results = createRedisResults({ link, secret, fallbacks, prefix })
  const recent = createRecentWrites(link, table.write)
  const ends = createKnownEnds({ table, clock, onNews: recent.note })

  /** What does not open was said by somebody without the secret, or with another one. */
  function hear (payload: Buffer): void {
    if (payload.length > MAX_MESSAGE_BYTES) return
    const name = releases.open(payload)
    if (name !== null) {
      locks.released(name.toString())
      return
    }
    const mark = table.open(payload)
    if (mark !== null) ends.learn(mark)
  }

  const subscription = link.subscribe(channel, {
    message: hear,
    heard () {
      locks.listen(true)
      ends.heard()
    },
    lost () {
      locks.listen(false)
      ends.lost()
    }
  })

  return {
    lock: locks.acquire,
    waitForRelease: locks.waitForRelease,
    publishResult: results.put,
    takeResult: results.take,
    async end (target, before, until) {
      const mark = { target, before, until }
      // Here first: when Redis does not take it, it is tried again, and meanwhile it holds on this instance.
      recent.note(mark)
      try {
        ends.tell(mark)
      } finally {
        await table.write(mark)
        await waitForReplicas(link, table.key)
      }
    },
    hasEnded: ends.hasEnded,
    onEnded: ends.onEnded,
    ready: () => link.ready(),
    async close () {
      locks.close()
      recent.close()
      ends.close()
      await subscription.close()
    }
  }
}
