import type { PathRewrite } from '../../../configuration/routes.ts'

/** A pattern of Go's for everything below a path, and what it becomes. */
const PATTERN = /^\^(?<from>(?:\/[A-Za-z0-9_~-]+)*)\/\(\.\*\)\$?$/
const TARGET = /^(?<to>(?:\/[A-Za-z0-9._~-]+)*)\/\$(?:1|\{1\})$/

/** The route of a `path` with a `rewriteTarget`: such as `^/app/(.*)$` and `/$1`. null: it can do more than a beginning for a beginning. */
export function readRewrite (path: string, target: string): { readonly uri: string, readonly rewrite: PathRewrite } | null {
  const from = PATTERN.exec(path)?.groups?.from
  const to = TARGET.exec(target)?.groups?.to
  if (from === undefined || to === undefined || to.split('/').some(segment => segment === '.' || segment === '..')) return null
  return { uri: `${from}/*`, rewrite: { from: from || '/', to: to || '/' } }
}
