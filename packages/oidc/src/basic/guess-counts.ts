import { createHash, randomBytes } from 'node:crypto'

/** Counts by key, all of them for one stretch of time after the other. */
export interface GuessCounts {
  of (key: string): number
  /** Answers the new count. */
  add (key: string): number
  subtract (key: string): void
  /** Until they all begin anew. */
  leftMs (): number
}

const ROWS = 4
const WIDTH = 2 ** 16
const MAX_COUNT = 2 ** 16 - 1

/**
 * A count-min sketch: a fixed room for any number of keys. Nobody makes a count forgotten by bringing many others; they
 * make it too high, so that a flood from everywhere stops everybody who is new. Which keys share a place nobody can tell.
 */
export function createGuessCounts (nowMs: () => number, windowMs: number): GuessCounts {
  const salt = randomBytes(16)
  const counts = new Uint16Array(ROWS * WIDTH)
  let endMs = -Infinity

  function placesOf (key: string): number[] {
    const digest = createHash('sha256').update(salt).update(key).digest()
    return Array.from({ length: ROWS }, (_, row) => row * WIDTH + digest.readUInt16LE(2 * row))
  }

  function refresh (): void {
    if (nowMs() < endMs) return
    counts.fill(0)
    endMs = nowMs() + windowMs
  }

  function change (key: string, by: 1 | 0 | -1): number {
    refresh()
    const places = placesOf(key)
    for (const place of places) counts[place] = Math.min(MAX_COUNT, Math.max(0, (counts[place] ?? 0) + by))
    return Math.min(...places.map(place => counts[place] ?? 0))
  }

  return {
    of: key => change(key, 0),
    add: key => change(key, 1),
    // What was added before they began anew is gone: less than nothing would be taken from others.
    subtract (key) { if (change(key, 0) > 0) change(key, -1) },
    leftMs: () => Math.max(0, endMs - nowMs())
  }
}
