import { RedisStoreMissingError } from '../errors.ts'

type RedisPackage = typeof import('fastify-oidc-redis-store')

/**
 * Optional: who keeps nothing in Redis need not install it.
 * @rejects FST_OIDC_REDIS_STORE_MISSING
 */
export async function loadRedis (): Promise<RedisPackage> {
  try {
    return await import('fastify-oidc-redis-store')
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw Object.assign(new RedisStoreMissingError(), { cause: error })
  }
}
