/** How many logouts of sessions that nobody here knows are remembered at once, and how many of them may come in one rush. */
const MAX_REMEMBERED = 100_000
const MAX_RUSH = 10_000
const WARN_EVERY_MS = 60_000

/** Each logout of a session that is not known here has to be remembered, and anybody can ask for one. */
export interface LogoutBudget {
  /** False: there is no room for another one now. */
  take (): boolean
  /** Whether it is time to say so again. */
  isNews (): boolean
}

export interface LogoutBudgetOptions {
  /** For how long one is remembered, in seconds. */
  readonly life: number
  readonly maxRemembered?: number
  readonly maxRush?: number
  /** Monotonic, in milliseconds. */
  nowMs (): number
}

/** A bucket that fills up slowly enough for no more than `maxRemembered` to be alive at any time. */
export function createLogoutBudget ({ life, maxRemembered = MAX_REMEMBERED, maxRush = MAX_RUSH, nowMs }: LogoutBudgetOptions): LogoutBudget {
  const perMs = (maxRemembered - maxRush) / (life * 1000)
  let left = maxRush
  let filledAtMs = nowMs()
  let warnedAtMs = -Infinity
  return {
    take () {
      const now = nowMs()
      left = Math.min(maxRush, left + (now - filledAtMs) * perMs)
      filledAtMs = now
      if (left < 1) return false
      left -= 1
      return true
    },
    isNews () {
      const now = nowMs()
      if (now - warnedAtMs < WARN_EVERY_MS) return false
      warnedAtMs = now
      return true
    }
  }
}
