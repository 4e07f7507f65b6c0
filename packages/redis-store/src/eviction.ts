import type { Log } from './link-log.ts'
import type { RedisLink } from './redis-link.ts'

const fieldOf = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''

/**
 * Says it in the log when this Redis forgets keys for want of memory: marks of what has ended are such keys, and a
 * logout that is forgotten brings a session back. A Redis that does not say is not asked again.
 */
export async function warnOfEviction (link: RedisLink, log: Log): Promise<void> {
  const info = await link.run(client => client.info('memory')).catch(() => '')
  const [policy, limit] = [fieldOf(info, 'maxmemory_policy'), fieldOf(info, 'maxmemory')]
  if (policy === '' || policy === 'noeviction' || limit === '' || limit === '0') return
  log.warn({ oidc: 'redis.evicts', policy }, `Redis forgets keys when its memory is full (maxmemory-policy ${policy}), and logouts with them: set maxmemory-policy noeviction, and maxmemory large enough`)
}
