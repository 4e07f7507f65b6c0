import { createSecretNames, nameOfTarget, targetNames, type Clock, type EpochSeconds, type RevocationTarget, type SessionIdentity } from 'fastify-oidc-session-store'
import { isWrongType } from './failure.ts'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import { lifeUntilMs } from './time-to-live.ts'

const BATCH = 200
const NAME_BYTES = 32
// What a scan of no set answers.
const NOTHING = [Buffer.from('0'), []] as const
const FORMER_NAME = /^[\w-]{43}$/

// Redis keeps a small set in a tenth of what a key of its own takes, so targets share sets: with 2 ** 15, up to a million
// sessions leave them small (`zset-max-listpack-entries`). With more they are as large as a set for each would be.
const BUCKET_BITS = 15
const TARGET_BYTES = 16

// Who is over leaves; the set lives as long as its last member. What is no set was put there by somebody else.
const ADD = createScript(1, `
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then redis.call('DEL', KEYS[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.min((tonumber(last[2]) - tonumber(ARGV[3])) * 1000, tonumber(ARGV[4]))))
return 1`)

/** A target as it stands in an index: in which set, and what its members begin with. */
interface IndexedTarget {
  readonly key: string
  readonly start: Buffer
  /** Where a former release has it, alone. */
  readonly formerKey: string
}

/** Names of sessions by whom a revocation can mean, without telling whom. */
export interface RedisIndex {
  /** Before the session is written: what cannot be found cannot be revoked. */
  add (name: string, session: SessionIdentity, until: EpochSeconds): Promise<void>
  /** After the session is gone. What a former release wrote is left until its time has come. */
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

  function indexed (name: string): IndexedTarget {
    const start = Buffer.from(name, 'base64url')
    const bucket = start.readUInt16BE() >> 16 - BUCKET_BITS
    return { start, key: `${prefix}:index:${bucket.toString(36)}`, formerKey: `${prefix}:index:${name}` }
  }

  const own = (target: string): IndexedTarget => indexed(names.own(textOf(target)))
  const all = (target: string): readonly IndexedTarget[] => names.all(textOf(target)).map(indexed)
  const memberOf = ({ start }: IndexedTarget, name: string): Buffer => Buffer.concat([start, Buffer.from(name, 'base64url')])

  /** null: another target's, or no name. */
  function nameIn (member: Buffer, { start }: IndexedTarget): string | null {
    return member.length === TARGET_BYTES + NAME_BYTES && member.subarray(0, TARGET_BYTES).equals(start) ? member.toString('base64url', TARGET_BYTES) : null
  }

  async function scanOnce (key: string, cursor: string): Promise<readonly [next: Buffer, members: readonly Buffer[]]> {
    return await link.run(async client => {
      try {
        return await client.zscanBuffer(key, cursor, 'COUNT', BATCH)
      } catch (err) {
        if (isWrongType(err)) return NOTHING
        throw err
      }
    })
  }

  /** Names of a set, in batches. */
  async function * scan (key: string, nameOf: (member: Buffer) => string | null): AsyncIterable<readonly string[]> {
    let cursor = '0'
    do {
      const [next, members] = await scanOnce(key, cursor)
      cursor = next.toString()
      yield members.filter((_member, place) => place % 2 === 0).map(nameOf).filter(name => name !== null)
    } while (cursor !== '0')
  }

  function formerNameIn (member: Buffer): string | null {
    const name = member.toString('latin1')
    return FORMER_NAME.test(name) ? name : null
  }

  return {
    async add (name, session, until) {
      const now = clock()
      await Promise.all(targetNames(session).map(own).map(target => runScript(link, ADD, target.key, memberOf(target, name), until, now, lifeUntilMs(Number.MAX_SAFE_INTEGER, now))))
    },
    async remove (name, session) {
      await Promise.all(targetNames(session).flatMap(all).map(target => link.run(client => client.zrem(target.key, memberOf(target, name)))))
    },
    async * walk (target) {
      for (const each of all(nameOfTarget(target))) {
        yield * scan(each.key, member => nameIn(member, each))
        yield * scan(each.formerKey, formerNameIn)
      }
    }
  }
}
