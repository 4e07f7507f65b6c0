/** Directives, with quoted strings kept whole (RFC 9111, section 5.2). */
const DIRECTIVE = /[^\s,"=]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,"]*))?/g

const FOR_SHARED_CACHES = new Set(['public', 'private', 's-maxage', 'proxy-revalidate'])

/** A Cache-Control that keeps an answer out of shared caches; what it says to the browser stays. */
export function privateCacheControl (value: string | undefined): string {
  const directives = (value ?? '').match(DIRECTIVE) ?? []
  const kept = directives.filter(directive => !FOR_SHARED_CACHES.has(directive.split('=', 1).join('').trim().toLowerCase()))
  return ['private', ...kept].join(', ')
}
