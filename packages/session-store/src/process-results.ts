const SWEEP_INTERVAL_MS = 10_000

interface Result { readonly sealed: string, readonly bytes: number, readonly endsAtMs: number }

/** Results of renewals within this process. */
export interface ProcessResults {
  put (key: string, sealed: string, ttlMs: number): void
  /** null: none, over, or evicted. */
  take (key: string): string | null
  clear (): void
}

export interface ProcessResultsOptions {
  readonly maxCount: number
  readonly maxBytes: number
}

/** Results with a life of their own; above the bounds the oldest go first. Times are monotonic: a clock that is set does not revive one. */
export function createProcessResults ({ maxCount, maxBytes }: ProcessResultsOptions): ProcessResults {
  const results = new Map<string, Result>()
  let bytes = 0
  let sweeper: NodeJS.Timeout | null = null

  function drop (key: string): void {
    const result = results.get(key)
    if (result === undefined) return
    results.delete(key)
    bytes -= result.bytes
  }

  function sweep (): void {
    const nowMs = performance.now()
    for (const [key, result] of results) if (result.endsAtMs <= nowMs) drop(key)
    sweeper = null
    if (results.size > 0) startSweeper()
  }

  function startSweeper (): void {
    sweeper ??= setTimeout(sweep, SWEEP_INTERVAL_MS).unref()
  }

  function evict (): void {
    for (const key of results.keys()) {
      if (results.size <= maxCount && bytes <= maxBytes) return
      drop(key)
    }
  }

  return {
    put (key, sealed, ttlMs) {
      drop(key)
      const result: Result = { sealed, bytes: key.length + sealed.length, endsAtMs: performance.now() + ttlMs }
      results.set(key, result)
      bytes += result.bytes
      evict()
      startSweeper()
    },
    take (key) {
      const result = results.get(key)
      if (result === undefined) return null
      if (result.endsAtMs > performance.now()) return result.sealed
      drop(key)
      return null
    },
    clear () {
      results.clear()
      bytes = 0
      if (sweeper !== null) clearTimeout(sweeper)
      sweeper = null
    }
  }
}
