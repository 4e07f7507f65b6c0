import { isIPv6 } from 'node:net'
import { tooManyGuesses } from './too-many-guesses.ts'

/** Counts guesses, so that nobody can try many passwords. */
export interface GuessBrake {
  /** A guess begins. @throws FST_OIDC_FORWARD_AUTH_GUESSES_TOO_MANY, with the seconds to wait */
  take (address: string, name: string): void
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

  function countsOf (address: string, name: string): Array<readonly [count: Count, limit: number]> {
    const network = networkOf(address)
    const pair = JSON.stringify([network, name])
    const ofName = (known.get(pair) ?? 0) > nowMs() ? [] : [[countOf(counts.name, name), MAX_OF_NAME] as const]
    return [[countOf(counts.pair, pair), MAX_OF_PAIR], [countOf(counts.address, network), MAX_OF_ADDRESS], ...ofName]
  }

  return {
    take (address, name) {
      const all = countsOf(address, name)
      const full = all.filter(([count, limit]) => count.guesses >= limit)
      if (full.length > 0) throw tooManyGuesses(Math.ceil((Math.max(...full.map(([{ endMs }]) => endMs)) - nowMs()) / 1000))
      for (const [count] of all) count.guesses++
    },
    forgive (address, name) {
      for (const [count] of countsOf(address, name)) count.guesses = Math.max(0, count.guesses - 1)
      const pair = JSON.stringify([networkOf(address), name])
      known.delete(pair)
      keep(known, pair, nowMs() + KNOWN_MS)
    }
  }
}
