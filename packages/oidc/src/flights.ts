/** What is being found out, by key: however many ask for the same at once, it is asked for once. */
export interface Flights<Answer> {
  /** What is under way; undefined: nothing. */
  get (key: string): Promise<Answer> | undefined
  /** What is under way, or is begun now. @throws what `full` makes, where too much is under way */
  share (key: string, begin: () => Promise<Answer>): Promise<Answer>
}

export interface FlightsBound {
  readonly most: number
  full (): Error
}

/** What a map holds of one that is over is this, and not its answer: V8's maps leave dead tables behind, which keep alive what stood in them. */
interface Flight<Answer> { answer: Promise<Answer> | null }

/** @param bound where callers can bring as many keys as they like */
export function createFlights<Answer> (bound: FlightsBound | null = null): Flights<Answer> {
  const flights = new Map<string, Flight<Answer>>()
  const running = (key: string): Promise<Answer> | undefined => flights.get(key)?.answer ?? undefined
  return {
    get: running,
    share (key, begin) {
      const found = running(key)
      if (found !== undefined) return found
      if (bound !== null && flights.size >= bound.most) throw bound.full()
      const flight: Flight<Answer> = { answer: null }
      flight.answer = begin().finally(() => {
        flight.answer = null
        flights.delete(key)
      })
      flights.set(key, flight)
      return flight.answer
    }
  }
}
