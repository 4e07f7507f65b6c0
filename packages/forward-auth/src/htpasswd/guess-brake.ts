import { isIPv6 } from 'node:net'
import { tooManyGuesses } from './too-many-guesses.ts'

/** Counts guesses, so that nobody can try many passwords. */
export interface GuessBrake {
  /** A guess begins. @throws FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY, with the seconds to wait */
  take (address: string, name: string): void
  /** So many were wrong from there that not even a password that was right before may tell itself from them. */
  isHeld (address: string, name: string): boolean
  /** It was right, and is not counted. */
  forgive (address: string, name: string): void
}

/** Wrong guesses in five minutes: of one name from one address, of any from one address, of one name from everywhere. */
const WINDOW_MS = 300_000
const MAX_OF_PAIR = 10
const MAX_OF_ADDRESS = 30
const MAX_OF_NAME = 100
/** Who was right once from an address is not kept out by others who guess at the name elsewhere. */
const KNOWN_MS = 86_400_000
const MAX_KEPT = 10_000

interface Count { readonly endMs: number, guesses: number }

/** One household or server has a whole /64 of IPv6. */
function networkOf (address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = '', tail] = address.split('%', 1).join('').split('::')
  const groups = (text: string): string[] => text.split(':').filter(group => group !== '')
  const [left, right] = [groups(head), groups(tail ?? '')]
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return all.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16)).join(':')
}

/** The oldest go first: whoever brings many names or addresses makes room by nothing else. */
function keep<V> (kept: Map<string, V>, key: string, value: V): void {
  if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value ?? '')
  kept.set(key, value)
}

export function createGuessBrake (nowMs: () => number): GuessBrake {
  const counts = { pair: new Map<string, Count>(), address: new Map<string, Count>(), name: new Map<string, Count>() }
  const known = new Map<string, number>()

  function countOf (kept: Map<string, Count>, key: string): Count {
    const found = kept.get(key)
    if (found !== undefined && found.endMs > nowMs()) return found
    kept.delete(key)
    const count = { endMs: nowMs() + WINDOW_MS, guesses: 0 }
    keep(kept, key, count)
    return count
  }

  const pairOf = (address: string, name: string): string => JSON.stringify([networkOf(address), name])
  const isKnown = (pair: string): boolean => (known.get(pair) ?? 0) > nowMs()

  function count (kept: Map<string, Count>, key: string, limit: number): void {
    const found = countOf(kept, key)
    found.guesses++
    if (found.guesses > limit) throw tooManyGuesses(Math.ceil((found.endMs - nowMs()) / 1000))
  }

  function uncount (kept: Map<string, Count>, key: string): void {
    const found = countOf(kept, key)
    found.guesses = Math.max(0, found.guesses - 1)
  }

  return {
    take (address, name) {
      const pair = pairOf(address, name)
      count(counts.pair, pair, MAX_OF_PAIR)
      count(counts.address, networkOf(address), MAX_OF_ADDRESS)
      // Last: who is stopped before cannot keep others out of the name.
      if (!isKnown(pair)) count(counts.name, name, MAX_OF_NAME)
    },
    isHeld: (address, name) => countOf(counts.pair, pairOf(address, name)).guesses >= MAX_OF_PAIR,
    forgive (address, name) {
      const pair = pairOf(address, name)
      uncount(counts.pair, pair)
      uncount(counts.address, networkOf(address))
      if (!isKnown(pair)) uncount(counts.name, name)
      known.delete(pair)
      keep(known, pair, nowMs() + KNOWN_MS)
    }
  }
}
