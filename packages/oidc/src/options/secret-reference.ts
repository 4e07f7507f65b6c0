/** A secret that a manager keeps, as the options name it. */
export interface SecretReference {
  /** As it stands in the options. */
  readonly text: string
  /** `vault/1`. */
  readonly manager: string
  /** What the manager knows it by. */
  readonly path: readonly string[]
}

const MARK = /^\$(?:secret|env):\/\//i
const FORM = /^\$secret:\/\/([a-z0-9_-]{1,32})\/([a-z0-9._-]{1,64})\/([^\0-\x1f\x7f]+)$/i // eslint-disable-line no-control-regex -- a path in one line
const MAX_LENGTH = 1024

/** Whether a text is meant as a reference, well written or not. */
export const isReference = (text: string): boolean => MARK.test(text)

/** Segments that lead to a place of their own: none that is empty, `.` or `..`. */
export function splitPath (text: string): readonly string[] | null {
  const segments = text.split('/')
  return segments.some(segment => ['', '.', '..'].includes(segment)) ? null : segments
}

/** null: it is not `$secret://<manager>/<id>/<path>`. */
export function parseSecretReference (text: string): SecretReference | null {
  const [, kind, id, rest] = text.length > MAX_LENGTH ? [] : FORM.exec(text) ?? []
  if (kind === undefined || id === undefined || rest === undefined) return null
  const path = splitPath(rest)
  return path === null ? null : { text, manager: `${kind.toLowerCase()}/${id}`, path }
}
