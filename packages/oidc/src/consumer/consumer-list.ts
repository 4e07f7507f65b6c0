import type { ConsumerKey, ConsumerRecord } from '../options/consumer-options.ts'
import type { ConsumerSource } from './consumer-source.ts'

const KEYS: readonly ConsumerKey[] = ['id', 'username', 'custom_id']

/** Consumers by what they are looked up by. */
export interface ConsumerIndex {
  find (by: ConsumerKey, value: string): ConsumerRecord | null
}

export function indexConsumers (list: readonly ConsumerRecord[]): ConsumerIndex {
  const indexes = new Map(KEYS.map(key => [key, new Map(list.flatMap(consumer => {
    const value = consumer[key]
    return value === undefined ? [] : [[value, consumer] as const]
  }))]))
  return { find: (by, value) => indexes.get(by)?.get(value) ?? null }
}

/** Consumers that the options name. */
export function createListSource (list: readonly ConsumerRecord[]): ConsumerSource {
  return { ...indexConsumers(list), isLocal: true, generation: 0, ready () {}, close () {} }
}
