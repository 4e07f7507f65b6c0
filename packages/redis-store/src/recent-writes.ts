import type { RedisLink } from './redis-link.ts'

// Longer than a failover takes: what was written just before it may be gone.
const LIFE_MS = 300_000
const MAX_COUNT = 10_000
const AT_ONCE = 50
const RETRY_MS = 1000
const MAX_RETRIES = 60

/** What was written lately, to be written again whenever Redis comes back: replication is asynchronous. */
export interface RecentWrites<Written> {
  note (written: Written): void
  close (): void
}

/** @param repeat writes it once more; that has to change nothing where it is still there */
export function createRecentWrites<Written> (link: RedisLink, repeat: (written: Written) => Promise<unknown>): RecentWrites<Written> {
  const recent = new Map<Written, number>()
  let retry: NodeJS.Timeout | null = null

  function forgetOld (): void {
    const nowMs = performance.now()
    for (const [written, atMs] of recent) {
      if (recent.size <= MAX_COUNT && nowMs - atMs <= LIFE_MS) return
      recent.delete(written)
    }
  }

  async function repeatAll (): Promise<void> {
    const all = [...recent.keys()]
    for (let start = 0; start < all.length; start += AT_ONCE) await Promise.all(all.slice(start, start + AT_ONCE).map(repeat))
  }

  function start (retries: number): void {
    if (retry !== null) clearTimeout(retry)
    retry = null
    // Nobody waits for it; when Redis is away again, it is tried again.
    repeatAll().catch(() => {
      if (retries > 0) retry = setTimeout(start, RETRY_MS, retries - 1).unref()
    })
  }

  const stop = link.onReconnected(() => { start(MAX_RETRIES) })

  return {
    note (written) {
      recent.delete(written)
      recent.set(written, performance.now())
      forgetOld()
    },
    close () {
      stop()
      recent.clear()
      if (retry !== null) clearTimeout(retry)
    }
  }
}
