import type { ClusterOptions, CommonRedisOptions, RedisOptions as IoredisOptions } from 'ioredis'
import type { ConnectionOptions } from 'node:tls'
import type { RedisOptions } from './options.ts'

/** Where Redis is. */
export type RedisPlace =
  | { readonly kind: 'single', readonly host: string, readonly port: number }
  | { readonly kind: 'socket', readonly path: string }
  | { readonly kind: 'sentinel', readonly sentinels: ReadonlyArray<{ readonly host: string, readonly port: number }>, readonly masterName: string }
  | { readonly kind: 'cluster', readonly nodes: ReadonlyArray<{ readonly host: string, readonly port: number }> }

export interface ConnectionSettings {
  readonly place: RedisPlace
  /** For the log: hosts and ports, never who or with what password. */
  readonly address: string
  /** What every connection has in common. */
  readonly common: CommonRedisOptions & { readonly tls?: ConnectionOptions, readonly disconnectTimeout: number }
  readonly sentinel: Pick<IoredisOptions, 'sentinelUsername' | 'sentinelPassword' | 'sentinelTLS' | 'enableTLSForSentinelMode'>
}

const FIRST_RETRY_MS = 50
const LAST_RETRY_MS = 1000

/** Doubles from 50 ms to a second, and a fifth at random on top, so that not all come back at once. */
export function retryDelayMs (attempt: number): number {
  const delay = Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), LAST_RETRY_MS)
  return Math.round(delay * (1 + Math.random() / 5))
}

function withPort (nodes: ReadonlyArray<{ readonly host: string, readonly port?: number }>, standard: number): Array<{ host: string, port: number }> {
  return nodes.map(({ host, port = standard }) => ({ host, port }))
}

function place (options: RedisOptions): RedisPlace {
  if (options.unix_socket !== undefined) return { kind: 'socket', path: options.unix_socket }
  if (options.sentinels !== undefined) return { kind: 'sentinel', sentinels: withPort(options.sentinels, 26379), masterName: options.master_name ?? '' }
  if (options.cluster !== undefined) return { kind: 'cluster', nodes: withPort(options.cluster, 6379) }
  return { kind: 'single', host: options.host, port: options.port }
}

/** As it stands in a log. */
export function hostAndPort ({ host, port }: { readonly host: string, readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function describe (at: RedisPlace): string {
  switch (at.kind) {
    case 'single': return hostAndPort(at)
    case 'socket': return at.path
    case 'sentinel': return `${at.masterName} of the sentinels ${at.sentinels.map(hostAndPort).join(', ')}`
    case 'cluster': return `the cluster ${at.nodes.map(hostAndPort).join(', ')}`
  }
}

function tls (options: RedisOptions): ConnectionOptions | null {
  if (!options.ssl) return null
  const pem = (text: string): string => text.replaceAll('\\n', '\n')
  return {
    rejectUnauthorized: options.ssl_verify,
    ...options.server_name === undefined ? {} : { servername: options.server_name },
    ...options.ca === undefined ? {} : { ca: pem(options.ca) },
    ...options.client_cert === undefined ? {} : { cert: pem(options.client_cert) },
    ...options.client_key === undefined ? {} : { key: pem(options.client_key) }
  }
}

/** `session.redis` as ioredis has it. */
export function connectionSettings (options: RedisOptions): ConnectionSettings {
  const at = place(options)
  const secure = tls(options)
  return {
    place: at,
    address: describe(at),
    common: {
      ...options.username === undefined ? {} : { username: options.username },
      ...options.password === undefined ? {} : { password: options.password },
      ...at.kind === 'cluster' ? {} : { db: options.database },
      ...secure === null ? {} : { tls: secure },
      connectTimeout: options.connect_timeout,
      commandTimeout: options.read_timeout,
      socketTimeout: options.read_timeout,
      disconnectTimeout: 100,
      // A command whose connection broke may have run: it is never sent twice.
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      lazyConnect: true,
      disableClientInfo: true
    },
    sentinel: {
      ...options.sentinel_username === undefined ? {} : { sentinelUsername: options.sentinel_username },
      ...options.sentinel_password === undefined ? {} : { sentinelPassword: options.sentinel_password },
      ...secure === null ? {} : { enableTLSForSentinelMode: true, ...options.sentinel_ssl ? { sentinelTLS: secure } : {} }
    }
  }
}

/** For one Redis, or the master that sentinels name. */
export function singleOptions ({ place: at, common, sentinel }: ConnectionSettings): IoredisOptions {
  const options: IoredisOptions = { ...common, retryStrategy: retryDelayMs }
  switch (at.kind) {
    case 'single': return { ...options, host: at.host, port: at.port }
    case 'socket': return { ...options, path: at.path }
    case 'cluster': return options
    case 'sentinel': return {
      ...options,
      ...sentinel,
      sentinels: at.sentinels.map(({ host, port }) => ({ host, port })),
      name: at.masterName,
      sentinelRetryStrategy: retryDelayMs,
      sentinelCommandTimeout: common.commandTimeout
    }
  }
}

/** For each sentinel, a connection of its own that does not come back by itself. */
export function sentinelOptions ({ place: at, common, sentinel }: ConnectionSettings): readonly IoredisOptions[] {
  if (at.kind !== 'sentinel') return []
  const { connectTimeout, commandTimeout, socketTimeout, disconnectTimeout } = common
  const { sentinelUsername: username, sentinelPassword: password, sentinelTLS: tls } = sentinel
  return at.sentinels.map(({ host, port }) => ({
    host,
    port,
    ...username === undefined || username === null ? {} : { username },
    ...password === undefined || password === null ? {} : { password },
    ...tls === undefined ? {} : { tls },
    ...connectTimeout === undefined ? {} : { connectTimeout },
    ...commandTimeout === undefined ? {} : { commandTimeout },
    ...socketTimeout === undefined ? {} : { socketTimeout },
    disconnectTimeout,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    enableReadyCheck: false,
    disableClientInfo: true
  }))
}

/** For a cluster: only what has not run is sent again, that is, what was redirected or came too early. */
export function clusterOptions ({ common }: ConnectionSettings): ClusterOptions {
  return {
    redisOptions: common,
    lazyConnect: true,
    clusterRetryStrategy: retryDelayMs,
    maxRedirections: 8,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    retryDelayOnTryAgain: 50,
    slotsRefreshTimeout: (common.connectTimeout ?? 0) + (common.commandTimeout ?? 0)
  }
}
