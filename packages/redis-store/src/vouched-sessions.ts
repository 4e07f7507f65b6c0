/** A session that is remembered, by its name in Redis. */
export interface NamedSession {
  readonly name: string
}

/** A read that is on its way. */
export interface Reading {
  readonly name: string
  spoiled: boolean
}

/** Which remembered sessions are still what Redis has: those that were read since it tells of changes, and were not told to have changed. */
export interface VouchedSessions<Remembered extends NamedSession> {
  has (remembered: Remembered): boolean
  /** Before Redis is asked: what is told from now on counts against the answer. */
  begin (name: string): Reading
  /** Behind the answer, and also when there is none. @param remembered what Redis has; null: nothing is to be remembered */
  end (reading: Reading, remembered: Remembered | null): void
  /** It has changed, or may have. */
  forget (name: string): void
  forgetAll (): void
  /** It is not remembered any more. */
  leave (remembered: Remembered): void
}

/** @param isHeard whether changes are told now */
export function createVouchedSessions<Remembered extends NamedSession> (isHeard: () => boolean): VouchedSessions<Remembered> {
  const vouched = new Map<string, Remembered>()
  const readings = new Map<string, Set<Reading>>()

  return {
    has: remembered => vouched.get(remembered.name) === remembered,
    begin (name) {
      const reading = { name, spoiled: !isHeard() }
      const beside = readings.get(name)
      if (beside === undefined) readings.set(name, new Set([reading]))
      else beside.add(reading)
      return reading
    },
    end (reading, remembered) {
      const all = readings.get(reading.name)
      all?.delete(reading)
      if (all?.size === 0) readings.delete(reading.name)
      if (remembered !== null && !reading.spoiled) vouched.set(reading.name, remembered)
    },
    forget (name) {
      vouched.delete(name)
      for (const reading of readings.get(name) ?? []) reading.spoiled = true
    },
    forgetAll () {
      vouched.clear()
      for (const all of readings.values()) for (const reading of all) reading.spoiled = true
    },
    leave (remembered) {
      if (vouched.get(remembered.name) === remembered) vouched.delete(remembered.name)
    }
  }
}
