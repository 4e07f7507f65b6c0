import { createSecretNames, nameOfTarget, targetNames, type Clock, type EpochSeconds, type RevocationTarget, type SessionIdentity } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import { lifeUntilMs } from './time-to-live.ts'

const BATCH = 200
const SESSION_NAME = /^[\w-]{43}$/

// Who is over leaves; the set lives as long as its last member.
const ADD = createScript(1, `
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min((tonumber(last[2]) - tonumber(ARGV[3])) * 1000, tonumber(ARGV[4]))))
return 1`)

/** Names of sessions by whom a revocation can mean, without telling whom. */
export interface RedisIndex {
  /** Before the session is written: what cannot be found cannot be revoked. */
  add (name: string, session: SessionIdentity, until: EpochSeconds): Promise<void>
  /** After the session is gone. */
  remove (name: string, session: SessionIdentity): Promise<void>
  /** Names of what the target may mean, in batches; gone ones may be among them, and one may come twice. */
  walk (target: RevocationTarget): AsyncIterable<readonly string[]>
}

export interface RedisIndexOptions {
  readonly link: RedisLink
  readonly secret: string
  readonly fallbacks: readonly string[]
  readonly binding: string
  readonly prefix: string
  readonly clock: Clock
}

export function createRedisIndex ({ link, secret, fallbacks, binding, prefix, clock }: RedisIndexOptions): RedisIndex {
  const names = createSecretNames({ secret, fallbacks, purpose: 'redis-index' })
  const textOf = (target: string): string => JSON.stringify([binding, target])
  const keyOf = (name: string): string => `${prefix}:index:${name}`

  return {
    async add (name, session, until) {
      const now = clock()
      await Promise.all(targetNames(session).map(target => runScript(link, ADD, keyOf(names.own(textOf(target))), name, until, now, lifeUntilMs(Number.MAX_SAFE_INTEGER, now))))
    },
    async remove (name, session) {
      const keys = targetNames(session).flatMap(target => names.all(textOf(target))).map(keyOf)
      await Promise.all(keys.map(key => link.run(client => client.zrem(key, name))))
    },
    async * walk (target) {
      for (const key of names.all(textOf(nameOfTarget(target))).map(keyOf)) {
        let cursor = '0'
        do {
          const [next, members] = await link.run(client => client.zscan(key, cursor, 'COUNT', BATCH))
          cursor = next
          yield members.filter((member, place) => place % 2 === 0 && SESSION_NAME.test(member))
        } while (cursor !== '0')
      }
    }
  }
}
