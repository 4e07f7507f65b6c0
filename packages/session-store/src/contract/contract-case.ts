import { systemClock, type Clock, type EpochSeconds } from '../session.ts'

const LIMIT_MS = 30_000

/** One promise of a contract, for any test runner: `test(name, () => run(harness))`. */
export interface ContractCase<Harness> {
  readonly name: string
  /** Rejects with an AssertionError when the promise is not kept. */
  run (harness: Harness): Promise<void>
}

/** A clock that stands until it is moved. It starts at the real time, for places that have a clock of their own. */
export interface ManualClock {
  readonly now: Clock
  advance (seconds: number): void
}

export function createManualClock (start: EpochSeconds = systemClock()): ManualClock {
  let now = start
  return {
    now: () => now,
    advance (seconds) { now += seconds }
  }
}

/** Rejects when the work does not end in time; meanwhile it keeps the process alive, for what waits on unref'd timers. */
export async function withinLimit (work: Promise<void>, limitMs = LIMIT_MS): Promise<void> {
  let timer: NodeJS.Timeout | null = null
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`No end within ${limitMs} ms`)) }, limitMs)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    if (timer !== null) clearTimeout(timer)
  }
}
