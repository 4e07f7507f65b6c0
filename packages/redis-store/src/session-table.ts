import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import { writtenEnd, type SessionFields } from './session-codec.ts'
import { lifeUntilMs } from './time-to-live.ts'

const WRITE = createScript(1, `
redis.call('HSET', KEYS[1], 'rev', ARGV[1], 'exp', ARGV[2], 'hot', ARGV[3], 'cold', ARGV[4], 'meta', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1`)

// 1: this revision stands there and is not over. 0: none does. -1: another.
const COMPARE = `
local kept = redis.call('HMGET', KEYS[1], 'rev', 'exp')
local ends = kept[2] and tonumber(string.match(kept[2], '^%d+'))
if not kept[1] or not ends or ends <= tonumber(ARGV[2]) then return 0 end
if kept[1] ~= ARGV[1] then return -1 end`

const REPLACE = createScript(1, `${COMPARE}
redis.call('HSET', KEYS[1], 'rev', ARGV[3], 'exp', ARGV[4], 'hot', ARGV[5], 'cold', ARGV[6], 'meta', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[8])
return 1`)

const TOUCH = createScript(1, `${COMPARE}
redis.call('HSET', KEYS[1], 'exp', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1`)

const REMOVE_REVISION = createScript(1, `
if redis.call('HGET', KEYS[1], 'rev') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

export type SessionRow = readonly [rev: Buffer | null, exp: Buffer | null, hot: Buffer | null, cold: Buffer | null]

/** Sessions as Redis has them: one hash each, by name. Each change is one step on one key. */
export interface SessionTable {
  keyOf (name: string): string
  read (name: string): Promise<SessionRow>
  readEnd (name: string): Promise<Buffer | null>
  readMeta (name: string): Promise<{ readonly expiresAt: EpochSeconds | null, readonly meta: Buffer | null }>
  write (name: string, revision: number, fields: SessionFields, expiresAt: EpochSeconds): Promise<void>
  /** false: this revision is not there any more. */
  replace (name: string, revision: number, fields: SessionFields, expiresAt: EpochSeconds): Promise<boolean>
  touch (name: string, revision: number, exp: Buffer, expiresAt: EpochSeconds): Promise<'done' | 'gone' | 'changed'>
  /** Answers whether it was there. */
  remove (name: string): Promise<boolean>
  removeRevision (name: string, revision: number): Promise<boolean>
}

export interface SessionTableOptions {
  readonly link: RedisLink
  readonly prefix: string
  readonly clock: Clock
}

export function createSessionTable ({ link, prefix, clock }: SessionTableOptions): SessionTable {
  const keyOf = (name: string): string => `${prefix}:${name}`

  return {
    keyOf,
    async read (name) {
      const [rev = null, exp = null, hot = null, cold = null] = await link.run(client => client.hmgetBuffer(keyOf(name), 'rev', 'exp', 'hot', 'cold'))
      return [rev, exp, hot, cold]
    },
    readEnd: name => link.run(client => client.hgetBuffer(keyOf(name), 'exp')),
    async readMeta (name) {
      const [exp = null, meta = null] = await link.run(client => client.hmgetBuffer(keyOf(name), 'exp', 'meta'))
      return { expiresAt: writtenEnd(exp), meta }
    },
    async write (name, revision, { exp, hot, cold, meta }, expiresAt) {
      await runScript(link, WRITE, keyOf(name), revision, exp, hot, cold, meta, lifeUntilMs(expiresAt, clock()))
    },
    async replace (name, revision, { exp, hot, cold, meta }, expiresAt) {
      const now = clock()
      return await runScript(link, REPLACE, keyOf(name), revision, now, revision + 1, exp, hot, cold, meta, lifeUntilMs(expiresAt, now)) === 1
    },
    async touch (name, revision, exp, expiresAt) {
      const now = clock()
      switch (await runScript(link, TOUCH, keyOf(name), revision, now, exp, lifeUntilMs(expiresAt, now))) {
        case 1: return 'done'
        case 0: return 'gone'
        default: return 'changed'
      }
    },
    async remove (name) { return await link.run(client => client.del(keyOf(name))) === 1 },
    async removeRevision (name, revision) { return await runScript(link, REMOVE_REVISION, keyOf(name), revision) === 1 }
  }
}
