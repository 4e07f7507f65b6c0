/** Maps a path onto the upstream's; null where that takes a closer look. */
export type PathMap = (path: string) => string | null

/** Segments that mean the same to every server: no escapes, no parameters, none that is empty but the last. */
const PLAIN = /^(?:\/[\w~.@:,+=!$&'()*-]+)*\/?$/

/** A prefix that has one spelling. */
const FIXED = /^(?:\/[\w~.-]+)*\/?$/

function withoutSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/**
 * Makes the short way from a path to the upstream's, for plain paths below a plain prefix: the same that
 * @fastify/http-proxy makes of them. Segments of dots were refused before.
 */
export function createPathMap (prefix: string, rewritePrefix: string): PathMap {
  if (!FIXED.test(prefix) || !FIXED.test(rewritePrefix) || (prefix.endsWith('/') && !rewritePrefix.endsWith('/'))) return () => null
  const outside = withoutSlash(prefix)
  const inside = withoutSlash(rewritePrefix)
  return path => {
    if (!path.startsWith(outside) || !PLAIN.test(path)) return null
    const rest = path.slice(outside.length)
    if (rest === '') return prefix === outside ? inside === '' ? '/' : inside : null
    return rest.startsWith('/') ? inside + rest : null
  }
}
