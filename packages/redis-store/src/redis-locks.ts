import { randomBytes } from 'node:crypto'
import { StoreUnavailableError, type Lock, type SecretNames } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'
import { createScript, runScript } from './redis-script.ts'
import { lifeMs } from './time-to-live.ts'

const POLL_MS = 100
// Node fires a timer with a longer delay at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1

// Sent twice, since the connection broke before the first answer, it is ours all the same.
const TAKE = createScript(1, `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) == ARGV[1] then return 1 end
return 0`)

const FREE = createScript(1, `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`)

/** Locks that all instances see. */
export interface RedisLocks {
  /** null: another holds it. */
  acquire (key: string, ttlMs: number): Promise<Lock | null>
  waitForRelease (key: string, maxMs: number): Promise<void>
  /** The lock of this name was released, as was heard. */
  released (name: string): void
  /** Is what is said heard? When not, who waits asks now and then. */
  listen (isHeard: boolean): void
  /** Wakes who waits. */
  close (): void
}

export interface RedisLocksOptions {
  readonly link: RedisLink
  readonly names: SecretNames
  readonly prefix: string
  readonly channel: string
  /** What is said when a lock is released, sealed. */
  tellReleased (name: string): Buffer
}

/** One who waits. */
interface Waiter {
  /** Ends its nap, and for `released` its waiting. */
  wake (cause: 'released' | 'look'): void
}

async function unlessUnavailable (work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (err) {
    // The lock's life frees it; what was done under it is done.
    if (!(err instanceof StoreUnavailableError)) throw err
  }
}

export function createRedisLocks ({ link, names, prefix, channel, tellReleased }: RedisLocksOptions): RedisLocks {
  const waiters = new Map<string, Set<Waiter>>()
  let isHeard = false
  let isClosed = false
  const keyOf = (name: string): string => `${prefix}:lock:${name}`
  // While secrets rotate some instances know one that others do not: a lock is all its names, taken in one order.
  const namesOf = (key: string): readonly string[] => [...names.all(key)].sort()

  function wakeAll (cause: 'released' | 'look'): void {
    for (const set of [...waiters.values()]) for (const waiter of [...set]) waiter.wake(cause)
  }

  async function free (taken: readonly string[], token: string): Promise<void> {
    await Promise.all(taken.map(name => runScript(link, FREE, keyOf(name), token, channel, tellReleased(name))))
  }

  /** Milliseconds until the last of these is free; 0: they are. */
  async function longestLife (all: readonly string[]): Promise<number> {
    const lives = await Promise.all(all.map(name => link.run(client => client.pttl(keyOf(name)))))
    // -2: none. -1: one that never ends, which is none of ours.
    return Math.max(...lives.map(life => life === -1 ? LONGEST_DELAY_MS : Math.max(0, life)))
  }

  function register (all: readonly string[]): { nap (ms: number): Promise<'released' | 'look'>, leave (): void } {
    let cause: 'released' | 'look' | null = null
    let end: (() => void) | null = null
    const waiter: Waiter = {
      wake (next) {
        if (cause !== 'released') cause = next
        end?.()
      }
    }
    for (const name of all) waiters.set(name, (waiters.get(name) ?? new Set()).add(waiter))
    return {
      async nap (ms) {
        if (cause === null) {
          await new Promise<void>(resolve => {
            const timer = setTimeout(resolve, Math.min(ms, LONGEST_DELAY_MS)).unref()
            end = () => {
              clearTimeout(timer)
              resolve()
            }
          })
        }
        const woken = cause ?? 'look'
        if (cause === 'look') cause = null
        return woken
      },
      leave () {
        for (const name of all) {
          const set = waiters.get(name)
          if (set?.delete(waiter) === true && set.size === 0) waiters.delete(name)
        }
      }
    }
  }

  return {
    async acquire (key, ttlMs) {
      const token = randomBytes(16).toString('base64url')
      const taken: string[] = []
      for (const name of namesOf(key)) {
        if (await runScript(link, TAKE, keyOf(name), token, lifeMs(ttlMs)) !== 1) {
          await unlessUnavailable(free(taken, token))
          return null
        }
        taken.push(name)
      }
      return { release: () => unlessUnavailable(free(taken, token)) }
    },
    async waitForRelease (key, maxMs) {
      const all = namesOf(key)
      const endMs = performance.now() + maxMs
      // Before it asks: what is released in between is heard.
      const waiting = register(all)
      try {
        for (;;) {
          const heldMs = await longestLife(all)
          const leftMs = endMs - performance.now()
          if (heldMs <= 0 || leftMs <= 0 || isClosed) return
          if (await waiting.nap(Math.min(heldMs, leftMs, isHeard ? Infinity : POLL_MS)) === 'released') return
        }
      } finally {
        waiting.leave()
      }
    },
    released (name) { for (const waiter of [...waiters.get(name) ?? []]) waiter.wake('released') },
    listen (now) {
      isHeard = now
      wakeAll('look')
    },
    close () {
      isClosed = true
      wakeAll('released')
    }
  }
}
