/** One thing that was looked at. */
export interface Finding {
  /** `fail`: it does not work, or is not safe. `warn`: it works, and something about it is worth a change. */
  readonly verdict: 'ok' | 'warn' | 'fail'
  /** What was looked at, in few words that are always the same. */
  readonly check: string
  /** What is the case. */
  readonly what: string
  /** What to change; null: nothing. */
  readonly remedy: string | null
}

export function ok (check: string, what: string, remedy: string | null = null): Finding {
  return { verdict: 'ok', check, what, remedy }
}

export function warn (check: string, what: string, remedy: string): Finding {
  return { verdict: 'warn', check, what, remedy }
}

export function fail (check: string, what: string, remedy: string | null): Finding {
  return { verdict: 'fail', check, what, remedy }
}
