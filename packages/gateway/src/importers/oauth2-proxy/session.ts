import type { Path } from '../../configuration/positions.ts'
import type { Context } from './row.ts'
import type { SecretRules } from './secrets.ts'

type Parts = Omit<Context, 'path'>
type Node = { readonly host: string, readonly port?: number }

const WEEK = 168 * 3600

function translateLifetime ({ settings, draft }: Parts): void {
  const lifetime = Math.floor(settings.duration('cookie_expire', WEEK))
  const slides = settings.duration('cookie_refresh', 0) > 0
  const path = settings.pathOf('cookie_expire')
  if (lifetime > 0) {
    draft.setOption(['session', 'cookie', 'lifetime'], lifetime, path)
    draft.setOption(['session', 'absolute_timeout'], slides ? 0 : lifetime, path)
  }
  draft.setOption(['renew_access_token_on_expiry'], slides, settings.pathOf('cookie_refresh'))
}

function readNode (text: string): Node | null {
  if (!URL.canParse(text)) return null
  const { hostname, port, protocol } = new URL(text)
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '') return null
  return { host: hostname.replace(/^\[|\]$/g, ''), ...port === '' ? {} : { port: Number(port) } }
}

/** Nodes of a list of URLs; TLS is for all of them or for none. */
function translateNodes (name: string, member: 'sentinels' | 'cluster', { settings, ledger, draft }: Parts): void {
  const urls = settings.list(name)
  const path = settings.pathOf(name)
  const nodes = urls.map(readNode)
  if (urls.length === 0) return ledger.refuse(path, 'is missing')
  if (nodes.some(node => node === null)) return ledger.refuse(path, 'must be URLs such as redis://host:6379')
  if (urls.some(url => new URL(url).username !== '' || new URL(url).password !== '')) return ledger.refuse(path, 'must not have names and passwords in it: write redis_username and redis_password')
  draft.setOption(['session', 'redis', member], nodes, path)
  const secure = urls.filter(url => url.startsWith('rediss:')).length
  if (secure === 0) return
  if (secure < urls.length) return ledger.refuse(path, 'must be redis:// or rediss:// throughout')
  draft.setOption(['session', 'redis', 'ssl'], true, path)
  if (member === 'sentinels') draft.setOption(['session', 'redis', 'sentinel_ssl'], true, path)
}

/** The name and the password of their own go before those in the URL. */
function translateUrl ({ settings, ledger, draft }: Parts): void {
  const path = settings.pathOf('redis_connection_url')
  const text = settings.text('redis_connection_url')
  if (text === null) return ledger.refuse(path, 'is missing, and session_store_type is redis')
  if (text.startsWith('unix://')) {
    draft.setOption(['session', 'redis', 'unix_socket'], text.slice('unix://'.length), path)
    return credentials({ settings, ledger, draft })
  }
  if (!URL.canParse(text) || !/^rediss?:/.test(text)) return ledger.refuse(path, 'must be a redis://, rediss:// or unix:// URL')
  const url = new URL(text)
  const [username, password] = [settings.text('redis_username'), settings.text('redis_password')]
  if (username !== null) url.username = encodeURIComponent(username)
  if (password !== null) url.password = encodeURIComponent(password)
  draft.setOption(['session', 'redis', 'url'], url.href, path)
}

function credentials ({ settings, draft }: Parts): void {
  for (const [name, member] of [['redis_username', 'username'], ['redis_password', 'password']] as const) {
    const setting = settings.text(name) === null ? null : settings.find(name)
    if (setting !== null) draft.setOption(['session', 'redis', member], setting.variable === null ? setting.value : `$ENV://${setting.variable}`, setting.path)
  }
}

function translateTls ({ files }: SecretRules, { settings, ledger, draft }: Parts): void {
  const verify: Path = settings.pathOf('redis_insecure_skip_tls_verify')
  if (settings.flag('redis_insecure_skip_tls_verify', false)) draft.setOption(['session', 'redis', 'ssl_verify'], false, verify)
  const file = settings.text('redis_ca_path')
  if (file === null) return
  const ca = files.get(file) ?? null
  const path = settings.pathOf('redis_ca_path')
  if (ca === null) return ledger.refuse(path, 'is a file that cannot be read')
  draft.setOption(['session', 'redis', 'ca'], ca, path)
  ledger.approximate(path, 'is session.redis.ca here: read once, and in place of the certificates that Node trusts')
}

function translateRedis (rules: SecretRules, parts: Parts): void {
  const { settings, ledger, draft } = parts
  const [sentinel, cluster] = [settings.flag('redis_use_sentinel', false), settings.flag('redis_use_cluster', false)]
  draft.setOption(['session', 'redis', 'prefix'], settings.text('cookie_name') ?? '_oauth2_proxy', settings.pathOf('cookie_name'))
  if (sentinel && cluster) return ledger.refuse(settings.pathOf('redis_use_cluster'), 'cannot stand beside redis_use_sentinel')
  if (sentinel || cluster) credentials(parts)
  else translateUrl(parts)
  if (cluster) translateNodes('redis_cluster_connection_urls', 'cluster', parts)
  if (sentinel) {
    translateNodes('redis_sentinel_connection_urls', 'sentinels', parts)
    for (const [name, member] of [['redis_sentinel_master_name', 'master_name'], ['redis_sentinel_password', 'sentinel_password']] as const) {
      const value = settings.text(name)
      if (value !== null) draft.setOption(['session', 'redis', member], value, settings.pathOf(name))
    }
  }
  translateTls(rules, parts)
}

function judgeIdleRedis ({ settings, ledger }: Parts): void {
  for (const { row, path } of settings) if (row.name.startsWith('redis_') && !ledger.isJudged(path)) ledger.exact(path, 'has no effect without session_store_type = "redis"')
}

/** Lifetimes of sessions, and where they are kept. */
export function translateSession (rules: SecretRules, parts: Parts): void {
  const { settings, ledger, draft } = parts
  draft.setOption(['session', 'cookie_name'], settings.text('cookie_name') ?? '_oauth2_proxy', settings.pathOf('cookie_name'))
  // Behind a proxy that ends TLS and is not trusted, nothing else says that browsers come over https.
  if (settings.find('cookie_secure') === null) draft.setOption(['session', 'cookie_secure'], true, settings.pathOf('cookie_secure'))
  translateLifetime(parts)
  if (settings.text('session_store_type') === 'redis') translateRedis(rules, parts)
  else judgeIdleRedis(parts)
  const refresh = settings.duration('cookie_refresh', 0)
  if (refresh > 0 && refresh >= settings.duration('cookie_expire', WEEK)) ledger.refuse(settings.pathOf('cookie_refresh'), 'must be shorter than cookie_expire')
}
