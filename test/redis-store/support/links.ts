import type { Test } from 'tap'
import { createRedisLink, type Log, type RedisLink, type RedisOptions } from 'fastify-oidc-redis-store'
import { parseOptions, sessionSchema } from 'fastify-oidc-session-store'

export type WrittenRedis = Partial<RedisOptions>

export interface Line {
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export interface MemoryLog extends Log {
  readonly lines: readonly Line[]
}

/** Keeps what is logged. */
export function memoryLog (): MemoryLog {
  const lines: Line[] = []
  const write = (level: string) => (fields: object, message: string): void => { lines.push({ level, message, fields: { ...fields } }) }
  return { lines, info: write('info'), warn: write('warn'), error: write('error') }
}

/** `session.redis` with its defaults; what is written may go below what the schema allows, so that a test need not wait. */
export function redisOptions (written: WrittenRedis): RedisOptions {
  return { ...parseOptions('test', sessionSchema, { secret: 'the secret of this test', redis: {} }).redis, ...written }
}

export function openLink (t: Test, written: WrittenRedis, log: Log | null = null): RedisLink {
  const link = createRedisLink(redisOptions(written), log)
  t.teardown(() => link.close())
  return link
}

export const unavailable = { code: 'FST_OIDC_STORE_UNAVAILABLE', statusCode: 503 }

/** How long something takes, in milliseconds, whether it succeeds or not. */
export async function timeOf (work: Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work.catch(() => {})
  return performance.now() - start
}
