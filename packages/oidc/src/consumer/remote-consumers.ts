import type { RedisLink } from 'fastify-oidc-redis-store'
import type { ConsumerRecord } from '../options/consumer-options.ts'
import type { OidcHooks } from '../options/hooks.ts'
import { readConsumer, type ConsumerSource } from './consumer-source.ts'

const MAX_LENGTH = 65_536

function parseRecord (text: string): ConsumerRecord {
  if (text.length > MAX_LENGTH) throw new Error(`an entry is longer than ${MAX_LENGTH} characters`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Error('an entry is not JSON')
  }
  return readConsumer(value)
}

/** Consumers in hashes of Redis: `<prefix>:custom_id` and its like. */
export function createRedisSource (link: Pick<RedisLink, 'run' | 'ready' | 'close'>, prefix: string): ConsumerSource {
  return {
    isLocal: false,
    generation: 0,
    async find (by, value) {
      const key = `${prefix}:${by}`
      const text = await link.run(async client => await client.hget(key, value))
      if (text === null) return null
      const consumer = parseRecord(text)
      // An entry under another's name would make one user another.
      if (consumer[by] !== value) throw new Error(`an entry of ${key} has another ${by} than the field that it stands at`)
      return consumer
    },
    ready: async () => { await link.ready() },
    close: async () => { await link.close() }
  }
}

/** Consumers whom the application knows. */
export function createHookSource (resolve: NonNullable<OidcHooks['resolveConsumer']>): ConsumerSource {
  return {
    isLocal: false,
    generation: 0,
    async find (by, value) {
      const answer: unknown = await resolve({ by, value })
      if (answer === undefined) throw new Error('hooks.resolveConsumer answered undefined: null says that there is none')
      return answer === null ? null : readConsumer(answer)
    },
    ready () {},
    close () {}
  }
}
