import { createSealer, createSecretNames } from 'fastify-oidc-session-store'
import type { RedisLink } from './redis-link.ts'
import { lifeMs } from './time-to-live.ts'

/** Results of renewals, for all instances. */
export interface RedisResults {
  put (key: string, result: string, ttlMs: number): Promise<void>
  /** null: none, or over. */
  take (key: string): Promise<string | null>
}

export interface RedisResultsOptions {
  readonly link: RedisLink
  readonly secret: string
  readonly fallbacks: readonly string[]
  readonly prefix: string
}

/** A result may be a handle, which is a key to a session: it is sealed under the secret and its own key together. */
export function createRedisResults ({ link, secret, fallbacks, prefix }: RedisResultsOptions): RedisResults {
  const names = createSecretNames({ secret, fallbacks, purpose: 'redis-result' })
  const sealer = createSealer({ secret, fallbacks, purpose: 'redis-result', binding: '' })
  const keyOf = (name: string): string => `${prefix}:result:${name}`

  return {
    async put (key, result, ttlMs) {
      const sealed = sealer.keyedWith(key).seal(Buffer.from(result))
      const [own = '', ...former] = names.all(key).map(keyOf)
      await link.run(client => client.set(own, sealed, 'PX', lifeMs(ttlMs)))
      await Promise.all(former.map(name => link.run(client => client.del(name))))
    },
    async take (key) {
      const keyed = sealer.keyedWith(key)
      const found = await Promise.all(names.all(key).map(name => link.run(client => client.getBuffer(keyOf(name)))))
      for (const sealed of found) {
        const result = sealed === null ? null : keyed.open(sealed)
        if (result !== null) return result.toString()
      }
      return null
    }
  }
}
