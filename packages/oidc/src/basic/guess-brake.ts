import { isIPv6 } from 'node:net'
import { createGuessBound, type GuessBound } from './guess-bound.ts'

/** A guess that is being looked at: it counts as a wrong one until one of these is said, once. */
export interface Guess {
  /** It is not counted. */
  right (): void
  /** It is counted. */
  wrong (): void
  /** Nobody could say whether it was right: it is not counted. */
  unjudged (): void
}

/** Counts guesses, so that nobody can try many passwords. */
export interface GuessBrake {
  /** A guess begins. @throws what `tooMany` makes of the seconds to wait: a moment, where only guesses that are being looked at stand in the way */
  take (address: string, name: string): Guess
  /** Would one more guess be too many? Nothing is counted. @throws the same */
  check (address: string, name: string): void
  /** So many were wrong from there that not even a password that was right before may tell itself from them. */
  isHeld (address: string, name: string): boolean
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

interface KeyedBound {
  readonly bound: GuessBound
  readonly key: string
}

export function createGuessBrake ({ limits, nowMs, tooMany }: GuessBrakeRoom): GuessBrake {
  const create = (limit: number): GuessBound => createGuessBound({ limit, windowMs: WINDOW_MS, nowMs })
  const bounds = { pair: create(limits.pair), address: create(limits.address), site: create(limits.site), name: create(limits.name) }
  const known = new Map<string, number>()

  const pairOf = (address: string, name: string): string => JSON.stringify([networkOf(address, ADDRESS_GROUPS), name])
  const isKnown = (pair: string): boolean => (known.get(pair) ?? 0) > nowMs()

  function remember (pair: string): void {
    known.delete(pair)
    if (known.size >= MAX_KNOWN) known.delete(known.keys().next().value ?? '')
    known.set(pair, nowMs() + KNOWN_MS)
  }

  function boundsOf (address: string, name: string): KeyedBound[] {
    const pair = pairOf(address, name)
    return [
      { bound: bounds.pair, key: pair },
      { bound: bounds.address, key: networkOf(address, ADDRESS_GROUPS) },
      ...isIPv6(address) ? [{ bound: bounds.site, key: networkOf(address, SITE_GROUPS) }] : [],
      ...isKnown(pair) ? [] : [{ bound: bounds.name, key: name }]
    ]
  }

  const findReached = (all: readonly KeyedBound[]): KeyedBound | undefined => all.find(({ bound, key }) => bound.isReached(key))
  const stopAt = ({ bound, key }: KeyedBound): Error => tooMany(bound.secondsLeft(key))

  return {
    take (address, name) {
      const pair = pairOf(address, name)
      const all = boundsOf(address, name)
      const reached = findReached(all)
      // Who is stopped counts for nothing, but where a password is remembered that a guess could be told from.
      if (reached !== undefined && isKnown(pair)) bounds.pair.add(pair)
      if (reached !== undefined) throw stopAt(reached)
      for (const { bound, key } of all) bound.begin(key)
      const drop = (): void => { for (const { bound, key } of all) bound.drop(key) }
      return {
        right () {
          drop()
          remember(pair)
        },
        wrong () { for (const { bound, key } of all) bound.keep(key) },
        unjudged: drop
      }
    },
    check (address, name) {
      const reached = findReached(boundsOf(address, name))
      if (reached !== undefined) throw stopAt(reached)
    },
    isHeld: (address, name) => bounds.pair.isReached(pairOf(address, name)),
    isKnown: (address, name) => isKnown(pairOf(address, name))
  }
}
