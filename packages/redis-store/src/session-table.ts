import type { Cluster, Redis } from 'ioredis'
import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { isWrongType } from './failure.ts'
import type { FormerRecord } from './former-record.ts'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import type { KeptSession } from './session-codec.ts'
import { END_OFFSET, MARK_BYTES, READ_MARK } from './session-record.ts'
import { lifeMs, lifeUntilMs } from './time-to-live.ts'

// 1: this revision stands there and is not over. 0: none does. -1: another.
const COMPARE = `${READ_MARK}
if not rev or not ends or ends <= tonumber(ARGV[2]) then return 0 end
if rev ~= tonumber(ARGV[1]) then return -1 end`

const REPLACE = createScript(1, `${COMPARE}
redis.call('SET', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`)

const TOUCH = createScript(1, `${COMPARE}
if former then return -2 end
redis.call('SETRANGE', KEYS[1], ${END_OFFSET}, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`)

const REMOVE_REVISION = createScript(1, `${READ_MARK}
if rev ~= tonumber(ARGV[1]) then return 0 end
return redis.call('DEL', KEYS[1])`)

/** Sessions as Redis has them: one value each, by name. Each change is one step on one key. */
export interface SessionTable {
  keyOf (name: string): string
  /** What stands there and is no session is a record that does not open. */
  read (name: string): Promise<KeptSession | null>
  /** What a record begins with, by which it is known again. Nothing, or null, where none stands. */
  readMark (name: string): Promise<Buffer | null>
  write (name: string, record: Buffer, expiresAt: EpochSeconds): Promise<void>
  /** false: this revision is not there any more. */
  replace (name: string, revision: number, record: Buffer, expiresAt: EpochSeconds): Promise<boolean>
  /** `former`: it stands there as a former release wrote it, and has to be replaced as a whole. */
  touch (name: string, revision: number, end: Buffer, expiresAt: EpochSeconds): Promise<'done' | 'gone' | 'changed' | 'former'>
  /** Answers whether it was there. */
  remove (name: string): Promise<boolean>
  removeRevision (name: string, revision: number): Promise<boolean>
}

export interface SessionTableOptions {
  readonly link: RedisLink
  readonly prefix: string
  readonly clock: Clock
}

// Neither a value nor a hash: nothing of ours, so nothing that opens.
const FOREIGN: FormerRecord = { rev: null, exp: null, hot: null, cold: null, meta: null }

async function readFormer (client: Redis | Cluster, key: string): Promise<FormerRecord> {
  const [rev = null, exp = null, hot = null, cold = null, meta = null] = await client.hmgetBuffer(key, 'rev', 'exp', 'hot', 'cold', 'meta')
  return { rev, exp, hot, cold, meta }
}

/** Where another type stands than was asked for. Not `async`: it is for every request. */
function orElse<Answer> (asked: Promise<Answer>, askElse: () => Answer | Promise<Answer>): Promise<Answer> {
  return asked.catch((err: unknown) => {
    if (isWrongType(err)) return askElse()
    throw err
  })
}

export function createSessionTable ({ link, prefix, clock }: SessionTableOptions): SessionTable {
  const keyOf = (name: string): string => `${prefix}:${name}`

  return {
    keyOf,
    read: name => link.run(client => orElse<KeptSession | null>(client.getBuffer(keyOf(name)), () => orElse(readFormer(client, keyOf(name)), () => FOREIGN))),
    readMark: name => link.run(client => orElse<Buffer | null>(client.getrangeBuffer(keyOf(name), 0, MARK_BYTES - 1), () => orElse(client.hgetBuffer(keyOf(name), 'exp'), () => null))),
    async write (name, record, expiresAt) {
      await link.run(client => client.set(keyOf(name), record, 'PX', lifeMs(lifeUntilMs(expiresAt, clock()))))
    },
    async replace (name, revision, record, expiresAt) {
      const now = clock()
      return await runScript(link, REPLACE, keyOf(name), revision, now, record, lifeUntilMs(expiresAt, now)) === 1
    },
    async touch (name, revision, end, expiresAt) {
      const now = clock()
      switch (await runScript(link, TOUCH, keyOf(name), revision, now, end, lifeUntilMs(expiresAt, now))) {
        case 1: return 'done'
        case 0: return 'gone'
        case -2: return 'former'
        default: return 'changed'
      }
    },
    async remove (name) { return await link.run(client => client.del(keyOf(name))) === 1 },
    async removeRevision (name, revision) { return await runScript(link, REMOVE_REVISION, keyOf(name), revision) === 1 }
  }
}
