import { isObject } from '../apisix/source.ts'
import { leftOut, option, put, refused, row, type Context, type Row } from './row.ts'
import { isUnset, readFlag, readNumber, readOnly } from './values.ts'

const NOT_THERE = 'has no effect: session_storage is not redis'

const isInRedis = ({ config }: Context): boolean => config.session_storage === 'redis'

/** Has an effect where sessions are in Redis; a dump has its defaults in any case. */
function redisOption (known: Row): Row {
  return { ...known, translate: (value, context) => isInRedis(context) ? known.translate(value, context) : context.ledger.exact(context.path, NOT_THERE) }
}

type Reader = (value: unknown) => unknown

const nodes: Reader = value => Array.isArray(value) ? value.filter(isObject).map(({ host, ip, port }) => ({ host: host ?? ip, ...isUnset(port) ? {} : { port: readNumber(port) } })) : null

/** Members of `redis` that mean the same here. */
const REDIS: Readonly<Record<string, readonly [target: string, read: Reader]>> = {
  host: ['host', readOnly],
  port: ['port', readNumber],
  username: ['username', readOnly],
  password: ['password', readOnly],
  database: ['database', readNumber],
  prefix: ['prefix', readOnly],
  socket: ['unix_socket', readOnly],
  ssl: ['ssl', readFlag],
  ssl_verify: ['ssl_verify', readFlag],
  server_name: ['server_name', readOnly],
  connect_timeout: ['connect_timeout', readNumber],
  send_timeout: ['send_timeout', readNumber],
  read_timeout: ['read_timeout', readNumber],
  sentinel_master: ['master_name', readOnly],
  sentinel_nodes: ['sentinels', nodes],
  sentinel_username: ['sentinel_username', readOnly],
  sentinel_password: ['sentinel_password', readOnly]
}
const OWN_WAY = ['keepalive_backlog', 'keepalive_pool_size', 'cluster_max_redirections', 'sentinel_role']

/** With sentinels or a socket the address is a default that nobody wrote. */
const withoutAddress = (value: Readonly<Record<string, unknown>>): readonly string[] => isUnset(value.sentinel_nodes) && isUnset(value.socket) ? [] : ['host', 'port']

const redis = row('redis', { kind: 'varies', target: 'session.redis', says: 'with `session_storage: redis`; a cluster and logins of clouds are refused' }, (value, context) => {
  const { path, ledger, block } = context
  if (isUnset(value) || !isObject(value) || !isInRedis(context)) return ledger.exact(path, NOT_THERE)
  const idle = withoutAddress(value)
  for (const [name, member] of Object.entries(value)) {
    const at = [...path, name]
    const known = Object.hasOwn(REDIS, name) ? REDIS[name] : undefined
    if (isUnset(member) || member === false || (isObject(member) && Object.values(member).every(isUnset)) || idle.includes(name)) ledger.exact(at, 'has no effect')
    else if (known !== undefined) {
      put(block, `session.redis.${known[0]}`, known[1](member))
      ledger.exact(at, `is session.redis.${known[0]} here`)
    } else if (OWN_WAY.includes(name)) ledger.approximate(at, 'is left out: connections are kept in the way of this gateway')
    else ledger.refuse(at, 'has no counterpart in an import: write session.redis in a native file')
  }
})

/** Options of sessions and where they are kept. */
export const SESSION_ROWS: readonly Row[] = [
  option('session_secret', 'text', 'session.secret'),
  option('session_storage', 'text', 'session.storage'),
  option('session_cookie_name', 'text', 'session.cookie_name'),
  option('session_cookie_path', 'text', 'session.cookie_path'),
  option('session_cookie_domain', 'text', 'session.cookie_domain'),
  option('session_cookie_same_site', 'text', 'session.cookie_same_site'),
  option('session_cookie_http_only', 'flag', 'session.cookie_http_only'),
  option('session_cookie_secure', 'flag', 'session.cookie_secure'),
  option('session_absolute_timeout', 'number', 'session.absolute_timeout'),
  option('session_idling_timeout', 'number', 'session.idling_timeout'),
  option('session_rolling_timeout', 'number', 'session.rolling_timeout'),
  ...['session_remember', 'session_remember_absolute_timeout', 'session_remember_cookie_name', 'session_remember_rolling_timeout', 'session_audience', 'session_hash_storage_key', 'session_hash_subject', 'session_store_metadata', 'session_enforce_same_subject', 'session_compressor', 'session_strategy', 'session_request_headers', 'session_response_headers'].map(name => leftOut(name, 'sessions are sealed, named and kept in the way of this gateway')),
  refused('session_bind', 'binds sessions to an address or a browser, which is not done here', []),
  redis,
  redisOption(option('session_redis_host', 'text', 'session.redis.host')),
  redisOption(option('session_redis_port', 'number', 'session.redis.port')),
  redisOption(option('session_redis_username', 'text', 'session.redis.username')),
  redisOption(option('session_redis_password', 'text', 'session.redis.password')),
  redisOption(option('session_redis_prefix', 'text', 'session.redis.prefix')),
  redisOption(option('session_redis_ssl', 'flag', 'session.redis.ssl')),
  redisOption(option('session_redis_ssl_verify', 'flag', 'session.redis.ssl_verify')),
  ...['session_memcached_host', 'session_memcached_port', 'session_memcached_prefix', 'session_memcached_socket', 'session_memcached_ssl', 'session_memcached_ssl_verify'].map(name => refused(name, 'has no counterpart: sessions are kept in cookies or in Redis', ['127.0.0.1', 11211, false, true]))
]
