/** Somebody who waits for signs of life from an upstream. */
export interface Waiting {
  /** Its place among those who wait; null: it does not wait. Only {@link Patience} writes it. */
  seat: number | null
  /** A tick has passed. */
  onTick (): void
}

/** Of the shorter patience: nobody waits longer than this part too long. */
const SHARE = 8
const SHORTEST_TICK_MS = 10
const LONGEST_TICK_MS = 500

/**
 * How long an upstream may be silent, in ticks of one timer for all requests. A timer for each request, as undici sets,
 * lives too long for the collection of young objects, and too short to be worth keeping.
 */
export class Patience {
  /** Whole ticks until the head of an answer; 0: for ever. */
  readonly headersTicks: number
  /** Whole ticks of silence in an answer; 0: for ever. */
  readonly bodyTicks: number
  readonly #tickMs: number
  // Not a Set: what it outgrew would keep those who waited alive, and with them all of their requests.
  readonly #seats: Array<Waiting | null> = []
  readonly #free: number[] = []
  #timer: NodeJS.Timeout | null = null

  constructor (headersMs: number, bodyMs: number) {
    const shortest = Math.min(...[headersMs, bodyMs].filter(ms => ms > 0))
    this.#tickMs = Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, Math.round(shortest / SHARE)))
    this.headersTicks = Math.ceil(headersMs / this.#tickMs)
    this.bodyTicks = Math.ceil(bodyMs / this.#tickMs)
  }

  begin (waiting: Waiting): void {
    if (waiting.seat !== null) return
    waiting.seat = this.#free.pop() ?? this.#seats.length
    this.#seats[waiting.seat] = waiting
    this.#timer ??= setInterval(() => { this.#tick() }, this.#tickMs).unref()
  }

  end (waiting: Waiting): void {
    if (waiting.seat === null) return
    this.#seats[waiting.seat] = null
    this.#free.push(waiting.seat)
    waiting.seat = null
  }

  /** A process that stood still for a while has ticked once: it cannot know whether the upstream spoke meanwhile. */
  #tick (): void {
    for (const waiting of this.#seats) waiting?.onTick()
    if (this.#free.length < this.#seats.length || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
    this.#seats.length = 0
    this.#free.length = 0
  }
}
