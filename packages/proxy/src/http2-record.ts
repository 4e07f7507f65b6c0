import type { IncomingHttpHeaders } from 'node:http'
import { recordOf } from './response-headers.ts'

/** What Node sends over HTTP/2 once or not at all: with a second value the whole answer fails. */
const ONCE: ReadonlySet<string> = new Set([
  'access-control-allow-credentials', 'access-control-max-age', 'access-control-request-method', 'age', 'authorization', 'content-length', 'content-location',
  'content-md5', 'content-range', 'content-type', 'date', 'dnt', 'etag', 'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range',
  'if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'range', 'referer', 'retry-after', 'tk', 'upgrade-insecure-requests',
  'user-agent', 'x-content-type-options'
])

/** The same, but these are lists (RFC 9110, section 5.3). */
const JOINED: ReadonlySet<string> = new Set(['content-encoding', 'content-language'])

/** Headers by lower-case name, for a client of HTTP/2: of what may stand there once the first counts. */
export function http2RecordOf (list: readonly string[]): IncomingHttpHeaders {
  const headers = recordOf(list)
  for (const name in headers) {
    const values: unknown = headers[name]
    if (!Array.isArray(values)) continue
    if (ONCE.has(name)) headers[name] = values[0] as string
    else if (JOINED.has(name)) headers[name] = values.join(', ')
  }
  return headers
}
