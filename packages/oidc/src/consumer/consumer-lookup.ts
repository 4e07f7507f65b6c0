import { setTimeout as wait } from 'node:timers/promises'
import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { createVerificationCache } from '../bearer/verification-cache.ts'
import { ConsumersUnavailableError } from '../errors.ts'
import { createFlights } from '../flights.ts'
import type { ConsumerKey, ConsumerOptions, ConsumerRecord } from '../options/consumer-options.ts'
import type { ConsumerSource } from './consumer-source.ts'

/** What was found, and until when it holds. */
export interface LookedUp {
  /** null: there is none. */
  readonly consumer: ConsumerRecord | null
  readonly until: EpochSeconds
}

/** A source with a memory. */
export interface ConsumerLookup {
  readonly generation: number
  /** @throws FST_OIDC_CONSUMERS_UNAVAILABLE */
  find (by: ConsumerKey, value: string): LookedUp | Promise<LookedUp>
}

export interface ConsumerLookupRoom {
  readonly source: ConsumerSource
  readonly options: Pick<ConsumerOptions, 'cache_ttl' | 'negative_cache_ttl'>
  /** Seconds that an answer may take. */
  readonly timeout: number
  readonly clock: Clock
}

const LIMITS = { maxEntries: 10_000, maxBytes: 16 * 1024 * 1024 }
/** Of an entry, beside what it holds; roughly. */
const ENTRY_BYTES = 500

const unavailable = (cause: unknown): Error => Object.assign(new ConsumersUnavailableError(), { cause })

async function within<T> (work: Promise<T>, seconds: number): Promise<T> {
  const enough = new AbortController()
  const late = wait(seconds * 1000, null, { signal: enough.signal }).then(() => { throw new Error(`no answer within ${seconds} s`) })
  late.catch(() => {})
  try {
    return await Promise.race([work, late])
  } finally {
    enough.abort()
  }
}

/** Consumers, and that there are none, are kept apart: strangers do not crowd out who is known. */
export function createConsumerLookup ({ source, options, timeout, clock }: ConsumerLookupRoom): ConsumerLookup {
  const [known, unknown] = [createVerificationCache<LookedUp>(LIMITS), createVerificationCache<LookedUp>(LIMITS)]
  const flights = createFlights<LookedUp>()

  async function ask (key: string, by: ConsumerKey, value: string): Promise<LookedUp> {
    try {
      const consumer = await within(Promise.resolve(source.find(by, value)), timeout)
      const until = clock() + (consumer === null ? options.negative_cache_ttl : options.cache_ttl)
      const found = { consumer, until }
      const cache = consumer === null ? unknown : known
      cache.set(key, found, until, ENTRY_BYTES + 2 * (key.length + JSON.stringify(consumer).length))
      return found
    } catch (error) {
      throw unavailable(error)
    }
  }

  return {
    get generation () { return source.generation },
    find (by, value) {
      if (source.isLocal) return { consumer: source.find(by, value) as ConsumerRecord | null, until: Infinity }
      const [key, now] = [`${by} ${value}`, clock()]
      return known.get(key, now) ?? unknown.get(key, now) ?? flights.share(key, async () => await ask(key, by, value))
    }
  }
}
