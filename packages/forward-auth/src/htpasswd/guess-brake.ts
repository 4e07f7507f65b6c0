import { isIPv6 } from 'node:net'
import { createGuessCounts, type GuessCounts } from './guess-counts.ts'
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

/** Wrong guesses in five minutes: of one name from one address, of any from one address, and from one site; of one name from everywhere. */
const WINDOW_MS = 300_000
const MAX_OF_PAIR = 10
const MAX_OF_ADDRESS = 30
const MAX_OF_SITE = 300
const MAX_OF_NAME = 100
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

export function createGuessBrake (nowMs: () => number): GuessBrake {
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
    throw tooManyGuesses(Math.ceil(kept.leftMs() / 1000))
  }

  /** Null: neither has guessed too often. */
  function countAddress (address: string): GuessCounts | null {
    if (counts.address.add(networkOf(address, ADDRESS_GROUPS)) > MAX_OF_ADDRESS) return counts.address
    return isIPv6(address) && counts.site.add(networkOf(address, SITE_GROUPS)) > MAX_OF_SITE ? counts.site : null
  }

  return {
    take (address, name) {
      const pair = pairOf(address, name)
      if (counts.pair.of(pair) >= MAX_OF_PAIR) stop(counts.pair)
      const exhausted = countAddress(address)
      // Who is stopped counts for nothing else, but where a password is remembered that a guess could be told from.
      if (exhausted === null || isKnown(pair)) counts.pair.add(pair)
      if (exhausted !== null) stop(exhausted)
      if (!isKnown(pair) && counts.name.add(name) > MAX_OF_NAME) stop(counts.name)
    },
    isHeld: (address, name) => counts.pair.of(pairOf(address, name)) >= MAX_OF_PAIR,
    forgive (address, name) {
      const pair = pairOf(address, name)
      counts.pair.subtract(pair)
      counts.address.subtract(networkOf(address, ADDRESS_GROUPS))
      if (isIPv6(address)) counts.site.subtract(networkOf(address, SITE_GROUPS))
      if (!isKnown(pair)) counts.name.subtract(name)
      remember(pair)
    }
  }
}
