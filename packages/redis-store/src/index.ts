export { createRedisLink } from './link.ts'
export type { ChannelListener, RedisLink, Subscription } from './redis-link.ts'
export type { Log } from './link-log.ts'
export { optionsSchema, type RedisOptions, type RedisStorePluginOptions } from './options.ts'
