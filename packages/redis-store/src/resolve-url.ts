import type { RedisOptions } from './options.ts'

/** What a URL says, in the options that say the same. */
export function resolveUrl (options: RedisOptions): RedisOptions {
  const { url, ...rest } = options
  if (url === undefined) return options
  const { protocol, hostname, port, username, password, pathname } = new URL(url)
  return {
    ...rest,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 6379 : Number(port),
    ssl: protocol === 'rediss:',
    database: Number(pathname.slice(1)),
    ...username === '' ? {} : { username: decodeURIComponent(username) },
    ...password === '' ? {} : { password: decodeURIComponent(password) }
  }
}
