import type { Cluster, Redis } from 'ioredis'

/** What a client of the application may put in front of each key. Commands that take no key do not know it. */
export function prefixOf (client: Redis | Cluster): string {
  return client.options.keyPrefix ?? ''
}
