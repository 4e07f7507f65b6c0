/** Turns a Location of an upstream into one that the browser can follow through this proxy. */
export type LocationRewriter = (location: string, ownOrigins: readonly string[]) => string

function withoutTrailingSlash (path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path
}

/** Path, query and fragment of a location on this side; null when it leads elsewhere. */
function localPart (location: string, ownOrigins: readonly string[]): string | null {
  if (location.startsWith('/')) return location
  if (!URL.canParse(location)) return null
  const url = new URL(location)
  return ownOrigins.includes(url.origin) ? url.pathname + url.search + url.hash : null
}

/** `//host` and `/\host` are other origins to a browser. */
function leavesTheOrigin (path: string): boolean {
  return path.startsWith('//') || path.startsWith('/\\')
}

/**
 * Rewrites locations below `rewritePrefix` at the upstream to locations below `prefix`; all others stay as they are,
 * and none is ever made to lead to another origin.
 */
export function createLocationRewriter (prefix: string, rewritePrefix: string): LocationRewriter {
  const outside = withoutTrailingSlash(prefix)
  const inside = withoutTrailingSlash(rewritePrefix)
  // A prefix with parameters has no one spelling.
  if (outside.includes(':') || outside.includes('*')) return location => location
  return (location, ownOrigins) => {
    const path = localPart(location, ownOrigins)
    if (path === null || leavesTheOrigin(path) || !path.startsWith(inside)) return location
    const rest = path.slice(inside.length)
    if (rest !== '' && !/^[/?#]/.test(rest)) return location
    const rewritten = outside + rest
    return leavesTheOrigin(rewritten) ? location : rewritten.startsWith('/') ? rewritten : `/${rewritten}`
  }
}
