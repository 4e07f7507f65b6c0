/** What a route's `uri` means. */
export type Uri =
  | { readonly kind: 'exact', readonly path: string }
  /** Everything that begins with the path, which ends in a slash. */
  | { readonly kind: 'under', readonly path: string }

/** What is wrong with a `uri`, or null. */
export function uriProblem (uri: string): string | null {
  if (!uri.startsWith('/')) return 'must begin with /'
  if (/[\s?#%\\]/.test(uri)) return 'must be a plain path: no blanks, query, fragment, backslash or percent encoding'
  if (uri.includes(':')) return 'must not contain a colon: parameters in paths are not available in this version'
  if (uri.includes('*') && !/^[^*]*\/\*$/.test(uri)) return 'may have * only as the last part: /foo/*'
  if (/\/\/|\/\.{1,2}(\/|$)/.test(uri)) return 'must not contain empty parts, . or ..'
  return null
}

/** Reads a `uri` that has no problem. */
export function parseUri (uri: string): Uri {
  return uri.endsWith('/*') ? { kind: 'under', path: uri.slice(0, -1) } : { kind: 'exact', path: uri }
}

/** As the router spells it. */
export function formatUri ({ kind, path }: Uri): string {
  return kind === 'under' ? `${path}*` : path
}

export function uriMatches (uri: Uri, path: string): boolean {
  return uri.kind === 'under' ? path.startsWith(uri.path) : path === uri.path
}
