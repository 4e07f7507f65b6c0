export type { ChannelListener, RedisLink, Subscription } from './redis-link.ts'
