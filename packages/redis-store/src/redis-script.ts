import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import type { RedisLink } from './redis-link.ts'

/** A script that runs as one step. All its keys have to be in one slot of a cluster. */
export interface RedisScript {
  readonly lua: string
  readonly sha: string
  readonly keys: number
}

export function createScript (keys: number, lua: string): RedisScript {
  return { lua, keys, sha: createHash('sha1').update(lua).digest('hex') }
}

function isUnknownScript (err: unknown): boolean {
  return err instanceof Error && err.message.startsWith('NOSCRIPT')
}

/**
 * Runs a script by its digest, and teaches it to a server that does not know it (any more).
 * @throws FST_OIDC_STORE_UNAVAILABLE
 */
export async function runScript (link: RedisLink, { lua, sha, keys }: RedisScript, ...args: ReadonlyArray<string | number | Buffer>): Promise<unknown> {
  return await link.run(async (client: Redis | Cluster) => {
    try {
      return await client.callBuffer('EVALSHA', sha, keys, ...args)
    } catch (err) {
      if (!isUnknownScript(err)) throw err
      return await client.callBuffer('EVAL', lua, keys, ...args)
    }
  })
}
