import type { Failure } from './failure.ts'

/** What of a logger is used: Fastify's and pino's have it. */
export interface Log {
  info (fields: object, message: string): void
  warn (fields: object, message: string): void
  error (fields: object, message: string): void
}

/** One line for each change, however often it is told. */
export interface LinkLog {
  up (): void
  down (failure: Failure): void
  /** Redis answers and does not do it. */
  refused (failure: Failure): void
  /** A command broke off: mostly the first sign of an outage, which is told once. */
  broke (failure: Failure): void
  /** Why Redis does not tell what changes; null: it does. */
  untracked (reason: string | null): void
}

/** A refusal that lasts is told again after this long. */
const REPEAT_MS = 60_000
/** What breaks this long before or after an outage begins is part of it. */
const AROUND_MS = 1000

function sentence ({ reason, remedy }: Failure): string {
  return remedy === null ? reason : `${reason}: ${remedy}`
}

/** @param address hosts and ports, for whoever reads the line */
export function createLinkLog (log: Log | null, address: string): LinkLog {
  const told = new Set<string>()
  const refusals = new Map<string, number>()
  const doubtful = new Set<string>()
  let lastDownMs = -Infinity
  let toldUntracked: string | null = null

  const refused = (failure: Failure): void => {
    const now = performance.now()
    const last = refusals.get(failure.reason)
    if (last === undefined || now - last >= REPEAT_MS) {
      refusals.set(failure.reason, now)
      log?.error({ oidc: 'redis.refused', redis: address, reason: failure.reason }, `Redis at ${address} refuses a command: ${sentence(failure)}`)
    }
  }
  return {
    up: () => {
      if (told.size > 0) log?.info({ oidc: 'redis.up', redis: address }, `Redis at ${address} answers again`)
      told.clear()
    },
    down: failure => {
      lastDownMs = performance.now()
      // In one outage only a reason that somebody can act on is worth another line.
      if (told.has(failure.reason) || (told.size > 0 && failure.remedy === null)) return
      told.add(failure.reason)
      log?.error({ oidc: 'redis.down', redis: address, reason: failure.reason }, `Redis at ${address} cannot be used: ${sentence(failure)}`)
    },
    refused,
    untracked: reason => {
      if (reason === toldUntracked) return
      toldUntracked = reason
      if (reason === null) log?.info({ oidc: 'redis.tracked', redis: address }, `Redis at ${address} tells which sessions change`)
      else log?.warn({ oidc: 'redis.untracked', redis: address, reason }, `Redis at ${address} does not tell which sessions change, so that each request reads its session there: ${reason}: give the user of session.redis.username the rights that the README lists, or set session.redis.client_cache to false`)
    },
    broke: failure => {
      if (doubtful.has(failure.reason)) return
      doubtful.add(failure.reason)
      const sinceMs = performance.now()
      setTimeout(() => {
        doubtful.delete(failure.reason)
        if (lastDownMs < sinceMs - AROUND_MS) refused(failure)
      }, AROUND_MS).unref()
    }
  }
}
