import type { IncomingHttpHeaders } from 'node:http'

/** Directives, with quoted strings kept whole (RFC 9111, section 5.2). */
const DIRECTIVE = /[^\s,"=]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]*))?/g

const FOR_SHARED_CACHES = new Set(['public', 'private', 's-maxage', 'proxy-revalidate'])

/** A Cache-Control that keeps an answer out of shared caches; what it says to the browser stays. */
export function privateCacheControl (value: string | undefined): string {
  const directives = (value ?? '').match(DIRECTIVE) ?? []
  const kept = directives.filter(directive => !FOR_SHARED_CACHES.has(directive.split('=', 1).join('').trim().toLowerCase()))
  return ['private', ...kept].join(', ')
}

/** Whether a header speaks to shared caches alone (RFC 9213, and older names for it). */
function targetsSharedCaches (name: string): boolean {
  return name.endsWith('cdn-cache-control') || name === 'surrogate-control' || name === 'x-accel-expires'
}

/** Makes an answer private: it carries a cookie of one caller. `own` is what stands where the upstream says nothing. */
export function makePrivate (headers: IncomingHttpHeaders, own: unknown): void {
  const value = headers['cache-control'] as string | readonly string[] | undefined ?? own
  headers['cache-control'] = privateCacheControl(value === undefined ? undefined : String(value))
  for (const name in headers) {
    if (targetsSharedCaches(name)) delete headers[name]
  }
}
