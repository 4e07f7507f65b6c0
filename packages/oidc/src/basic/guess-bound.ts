import { createGuessCounts } from './guess-counts.ts'

/** How many guesses of one kind may be wrong. One that is being looked at counts until it is known: many at once are no way past it. */
export interface GuessBound {
  isReached (key: string): boolean
  /** Until one more is worth a try: a moment, where not so many are known to be wrong. */
  secondsLeft (key: string): number
  /** It is wrong already. */
  add (key: string): void
  /** It is being looked at, until one of the two that follow. */
  begin (key: string): void
  keep (key: string): void
  drop (key: string): void
}

export interface GuessBoundRoom {
  readonly limit: number
  readonly windowMs: number
  nowMs (): number
}

const MOMENT = 1

export function createGuessBound ({ limit, windowMs, nowMs }: GuessBoundRoom): GuessBound {
  const counts = createGuessCounts(nowMs, windowMs)
  // As many as are being looked at, and no more.
  const pending = new Map<string, number>()

  function keep (key: string): void {
    const rest = (pending.get(key) ?? 0) - 1
    if (rest > 0) pending.set(key, rest)
    else pending.delete(key)
  }

  return {
    isReached: key => counts.of(key) >= limit,
    secondsLeft: key => counts.of(key) - (pending.get(key) ?? 0) < limit ? MOMENT : Math.ceil(counts.leftMs() / 1000),
    add (key) { counts.add(key) },
    begin (key) {
      counts.add(key)
      pending.set(key, (pending.get(key) ?? 0) + 1)
    },
    keep,
    drop (key) {
      keep(key)
      counts.subtract(key)
    }
  }
}
