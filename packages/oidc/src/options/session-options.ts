import { redisContradictions, type OptionProblem } from 'fastify-oidc-session-store'
import type { ResolvedOptions } from './schema.ts'

const problem = (path: string, message: string): OptionProblem => ({ path: path.split('.'), message })

function checkBackend ({ storage, coordination, rolling_timeout: rolling }: NonNullable<ResolvedOptions['session']>): OptionProblem[] {
  if (storage !== 'redis') return []
  const problems: OptionProblem[] = []
  if (coordination !== undefined && coordination !== 'redis') problems.push(problem('session.coordination', 'must be redis, or left out, where session.storage is redis'))
  if ((rolling ?? 0) > 0) problems.push(problem('session.rolling_timeout', 'gives a session new handles, and session.storage: redis keeps the one of its login: leave it out'))
  return problems
}

function checkClientCache ({ storage, redis }: NonNullable<ResolvedOptions['session']>): OptionProblem[] {
  return redis?.client_cache === true && storage !== 'redis' ? [problem('session.redis.client_cache', 'needs session.storage: redis: sessions in cookies are not read from Redis')] : []
}

/** Where nothing connects to Redis, what is written about it is no mistake: the boot warns of it. */
function checkRedis ({ storage, coordination, redis }: NonNullable<ResolvedOptions['session']>): OptionProblem[] {
  if (redis === undefined || (storage !== 'redis' && coordination !== 'redis')) return []
  return redisContradictions(redis).map(({ path, message }) => ({ path: ['session', 'redis', ...path], message }))
}

/** What the options of sessions have to agree on. */
export function checkSession ({ session, bearer_only: bearerOnly }: ResolvedOptions): OptionProblem[] {
  if (session === undefined) return bearerOnly ? [] : [problem('session.secret', 'is required when "bearer_only" is false')]
  const problems: OptionProblem[] = []
  if (session.cookie_same_site === 'None' && session.cookie_secure === false) problems.push(problem('session.cookie_secure', 'must not be false where session.cookie_same_site is None: browsers refuse such cookies'))
  if (session.cookie_secure === false && /^__(?:Host|Secure)-/.test(session.cookie_name ?? '')) problems.push(problem('session.cookie_secure', 'must not be false where session.cookie_name starts with __Host- or __Secure-: browsers refuse such cookies'))
  if (session.cookie_name?.startsWith('__Host-') === true && (session.cookie_domain !== undefined || (session.cookie_path ?? '/') !== '/')) problems.push(problem('session.cookie_name', 'starts with __Host-, which allows neither cookie_domain nor a cookie_path'))
  return [...problems, ...checkBackend(session), ...checkRedis(session), ...checkClientCache(session)]
}
