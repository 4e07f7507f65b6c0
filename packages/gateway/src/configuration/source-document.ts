import type { Path, Position } from './positions.ts'
import type { ConfigurationProblem } from './problems.ts'

/** A file's content, and where each member of it stands. */
export interface SourceDocument {
  readonly value: unknown
  /** The place of the member, or of the nearest one around it; null where there is no file. */
  readonly positionOf: (path: Path) => Position | null
}

export type ParsedSource =
  | { readonly kind: 'parsed', readonly document: SourceDocument }
  | { readonly kind: 'broken', readonly problems: readonly ConfigurationProblem[] }
