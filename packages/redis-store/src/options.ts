import { Type, type Static } from '@sinclair/typebox'
import { checkOptions, optionsError, redisContradictions, sessionSchema, withDefault, writtenRedisOptions, type OptionProblem, type RedisSettings, type Resolved } from 'fastify-oidc-session-store'
import type { Cluster, Redis } from 'ioredis'

const shared = sessionSchema.properties

/** `session.redis`, with its defaults. */
export type RedisOptions = RedisSettings

const redis = withDefault(Type.Object(shared.redis.properties, { additionalProperties: false, description: 'Where Redis is.' }), {})

const client = Type.Optional(Type.Unsafe<Redis | Cluster>(Type.Any({ description: 'An ioredis client of the application, `fastify.redis` for instance, instead of `session.redis`: only its `prefix`, `read_timeout` and `client_cache` hold. It is never closed.' })))

/** The options of the store's plugin. */
export const optionsSchema = Type.Object({
  session: Type.Object({
    secret: shared.secret,
    secret_fallbacks: shared.secret_fallbacks,
    absolute_timeout: shared.absolute_timeout,
    redis
  }, { additionalProperties: false, description: 'Session configuration, under the names that the core uses.' }),
  binding: withDefault(Type.String({ description: 'Whom the sessions are for: under the same secret a session of another binding does not open. Any text.' }), ''),
  client
}, { additionalProperties: false, description: 'Options of fastify-oidc-redis-store.' })

/** The options of the plugin that lets instances agree, wherever sessions live. */
export const coordinationSchema = Type.Object({
  session: Type.Object({
    secret: shared.secret,
    secret_fallbacks: shared.secret_fallbacks,
    redis
  }, { additionalProperties: false, description: 'Session configuration, under the names that the core uses.' }),
  client
}, { additionalProperties: false, description: 'Options of the coordination through Redis.' })

export type RedisCoordinationInput = Static<typeof coordinationSchema>
export type RedisCoordinationPluginOptions = Resolved<typeof coordinationSchema>

export type RedisStorePluginInput = Static<typeof optionsSchema>
export type RedisStorePluginOptions = Resolved<typeof optionsSchema>

/** Of an application's own client only this is ours to say. */
const BESIDE_CLIENT: readonly string[] = ['prefix', 'read_timeout', 'client_cache']

function besideClient (options: RedisOptions): OptionProblem[] {
  return writtenRedisOptions(options)
    .filter(name => !BESIDE_CLIENT.includes(name))
    .map(name => ({ path: [name], message: 'does nothing beside client, which is connected already' }))
}

function findProblems ({ session, client: own }: RedisCoordinationPluginOptions): OptionProblem[] {
  const idle = own === undefined ? [] : besideClient(session.redis)
  const contradictory = redisContradictions(session.redis).filter(({ path }) => !idle.some(told => told.path[0] === path[0]))
  const problems = [...idle, ...contradictory].map(({ path, message }) => ({ path: ['session', 'redis', ...path], message }))
  if (own !== undefined && !isClient(own)) problems.push({ path: ['client'], message: 'must be a client of ioredis' })
  return problems
}

function isClient (value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  const { defineCommand, duplicate, status } = value as Record<string, unknown>
  return typeof defineCommand === 'function' && typeof duplicate === 'function' && typeof status === 'string'
}

/** @throws FST_OIDC_OPTIONS_INVALID with every problem at once */
export function parseRedisStoreOptions (name: string, input: unknown): RedisStorePluginOptions {
  const { options, problems } = checkOptions(optionsSchema, input)
  const all = problems.length > 0 ? problems : findProblems(options)
  if (all.length > 0) throw optionsError(name, all)
  return options
}

/** @throws FST_OIDC_OPTIONS_INVALID with every problem at once */
export function parseRedisCoordinationOptions (name: string, input: unknown): RedisCoordinationPluginOptions {
  const { options, problems } = checkOptions(coordinationSchema, input)
  const cached = options?.session?.redis?.client_cache === true ? [{ path: ['session', 'redis', 'client_cache'], message: 'does nothing where no sessions are read' }] : []
  const all = problems.length > 0 ? problems : [...findProblems(options), ...cached]
  if (all.length > 0) throw optionsError(name, all)
  return options
}
