import { isIPv6 } from 'node:net'
import { createGuessCounts, type GuessCounts } from './guess-counts.ts'

/** Counts guesses, so that nobody can try many passwords. */
export interface GuessBrake {
  /** A guess begins. @throws what `tooMany` makes of the seconds to wait */
  take (address: string, name: string): void
  /** Would one more guess be too many? Nothing is counted. @throws the same */
  check (address: string, name: string): void
  /** So many were wrong from there that not even a password that was right before may tell itself from them. */
  isHeld (address: string, name: string): boolean
  /** It was right, and is not counted. */
  forgive (address: string, name: string): void
  /** Nobody could say whether it was right: it is not counted. */
  release (address: string, name: string): void
  /** Was a guess at this name right from there, not long ago? */
  isKnown (address: string, name: string): boolean
}

/** Wrong guesses in five minutes. */
export interface GuessLimits {
  /** At one name from one address. */
  readonly pair: number
  /** At any name from one address. */
  readonly address: number
  /** At any name from a /48 of IPv6. */
  readonly site: number
  /** At one name from everywhere. */
  readonly name: number
}

export interface GuessBrakeRoom {
  readonly limits: GuessLimits
  nowMs (): number
  /** The error that whoever guesses is answered with. */
  tooMany (seconds: number): Error
}

const WINDOW_MS = 300_000
/** Who was right once from an address is not kept out by others who guess at the name elsewhere. */
const KNOWN_MS = 86_400_000
const MAX_KNOWN = 10_000

/** Groups of an IPv6 address: one household or server has a whole /64, and one customer of an exchange a /48. */
const ADDRESS_GROUPS = 4
const SITE_GROUPS = 3

/** The first groups of an IPv6 address; any other is one by itself. */
function networkOf (address: string, length: number): string {
  if (!isIPv6(address) || address.includes('.')) return address
  const [head = '', tail] = address.split('%', 1).join('').split('::')
  const groups = (text: string): string[] => text.split(':').filter(group => group !== '')
  const [left, right] = [groups(head), groups(tail ?? '')]
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return all.slice(0, length).map(group => Number.parseInt(group, 16).toString(16)).join(':')
}

export function createGuessBrake ({ limits, nowMs, tooMany }: GuessBrakeRoom): GuessBrake {
  const create = (): GuessCounts => createGuessCounts(nowMs, WINDOW_MS)
  const counts = { pair: create(), address: create(), site: create(), name: create() }
  const known = new Map<string, number>()

  const pairOf = (address: string, name: string): string => JSON.stringify([networkOf(address, ADDRESS_GROUPS), name])
  const isKnown = (pair: string): boolean => (known.get(pair) ?? 0) > nowMs()

  function remember (pair: string): void {
    known.delete(pair)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? '')
    known.set(pair, nowMs() + KNOWN_MS)
  }

  function stop (kept: GuessCounts): never {
    throw tooMany(Math.ceil(kept.leftMs() / 1000))
  }

  /** Null: neither has guessed too often. */
  function countAddress (address: string): GuessCounts | null {
    if (counts.address.add(networkOf(address, ADDRESS_GROUPS)) > limits.address) return counts.address
    return isIPv6(address) && counts.site.add(networkOf(address, SITE_GROUPS)) > limits.site ? counts.site : null
  }

  function release (address: string, name: string): void {
    const pair = pairOf(address, name)
    counts.pair.subtract(pair)
    counts.address.subtract(networkOf(address, ADDRESS_GROUPS))
    if (isIPv6(address)) counts.site.subtract(networkOf(address, SITE_GROUPS))
    if (!isKnown(pair)) counts.name.subtract(name)
  }

  return {
    take (address, name) {
      const pair = pairOf(address, name)
      if (counts.pair.of(pair) >= limits.pair) stop(counts.pair)
      const exhausted = countAddress(address)
      // Who is stopped counts for nothing else, but where a password is remembered that a guess could be told from.
      if (exhausted === null || isKnown(pair)) counts.pair.add(pair)
      if (exhausted !== null) stop(exhausted)
      if (!isKnown(pair) && counts.name.add(name) > limits.name) stop(counts.name)
    },
    isHeld: (address, name) => counts.pair.of(pairOf(address, name)) >= limits.pair,
    forgive (address, name) {
      release(address, name)
      remember(pairOf(address, name))
    },
    release,
    check (address, name) {
      const pair = pairOf(address, name)
      if (counts.pair.of(pair) >= limits.pair) stop(counts.pair)
      if (counts.address.of(networkOf(address, ADDRESS_GROUPS)) >= limits.address) stop(counts.address)
      if (isIPv6(address) && counts.site.of(networkOf(address, SITE_GROUPS)) >= limits.site) stop(counts.site)
      if (!isKnown(pair) && counts.name.of(name) >= limits.name) stop(counts.name)
    },
    isKnown: (address, name) => isKnown(pairOf(address, name))
  }
}
