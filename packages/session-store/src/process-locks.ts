import type { Lock } from './session-coordinator.ts'

// Node fires a timer with a longer delay at once.
const LONGEST_DELAY_MS = 2 ** 31 - 1

/** Locks within this process. */
export interface ProcessLocks {
  /** null: another holds it. */
  acquire (key: string, ttlMs: number): Lock | null
  waitForRelease (key: string, maxMs: number): Promise<void>
  clear (): void
}

/** The holding itself is the owner's token: who has another one cannot free it. */
interface Holding {
  readonly waiters: Set<() => void>
  readonly timer: NodeJS.Timeout
}

/** Locks that free themselves when their life ends, and wake who waits for them. */
export function createProcessLocks (): ProcessLocks {
  const held = new Map<string, Holding>()

  function free (key: string, holding: Holding): void {
    if (held.get(key) !== holding) return
    held.delete(key)
    clearTimeout(holding.timer)
    for (const wake of [...holding.waiters]) wake()
  }

  return {
    acquire (key, ttlMs) {
      if (held.has(key)) return null
      const holding: Holding = {
        waiters: new Set(),
        timer: setTimeout(() => { free(key, holding) }, Math.min(ttlMs, LONGEST_DELAY_MS)).unref()
      }
      held.set(key, holding)
      return { release: async () => { free(key, holding) } }
    },
    async waitForRelease (key, maxMs) {
      const holding = held.get(key)
      if (holding === undefined) return
      await new Promise<void>(resolve => {
        const wake = (): void => {
          clearTimeout(timer)
          holding.waiters.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, Math.min(maxMs, LONGEST_DELAY_MS)).unref()
        holding.waiters.add(wake)
      })
    },
    clear () {
      for (const [key, holding] of [...held]) free(key, holding)
    }
  }
}
