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

/** @param bound where callers can bring as many keys as they like */
export function createFlights<Answer> (bound: FlightsBound | null = null): Flights<Answer> {
  const flights = new Map<string, Promise<Answer>>()
  return {
    get: key => flights.get(key),
    share (key, begin) {
      const running = flights.get(key)
      if (running !== undefined) return running
      if (bound !== null && flights.size >= bound.most) throw bound.full()
      const started = begin().finally(() => { flights.delete(key) })
      flights.set(key, started)
      return started
    }
  }
}
