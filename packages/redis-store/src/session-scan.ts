import { prefixOf } from './key-prefix.ts'
import type { RedisLink } from './redis-link.ts'

const BATCH = 500
const NAME_LENGTH = 43

function escapeGlob (text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&')
}

/** Names of all sessions under a prefix, in batches, from every master; one may come twice. Bounded work at a time: nobody else waits. */
export async function * scanSessions (link: RedisLink, prefix: string): AsyncIterable<readonly string[]> {
  const nodes = await link.run(async client => 'nodes' in client ? client.nodes('master') : [client])
  for (const node of nodes) {
    let cursor = '0'
    do {
      const [next, keys] = await link.run(client => node.scan(cursor, 'MATCH', `${escapeGlob(`${prefixOf(client)}${prefix}:`)}${'?'.repeat(NAME_LENGTH)}`, 'COUNT', BATCH))
      cursor = next
      yield keys.map(key => key.slice(-NAME_LENGTH))
    } while (cursor !== '0')
  }
}
