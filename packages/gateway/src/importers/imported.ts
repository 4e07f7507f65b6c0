import type { Path } from '../configuration/positions.ts'
import type { ImportReport } from './report.ts'

/** A native configuration, and what became of the foreign one. */
export interface Imported {
  readonly value: Readonly<Record<string, unknown>> & { readonly secrets?: ReadonlyArray<Readonly<Record<string, unknown>>>, readonly routes: ReadonlyArray<Readonly<Record<string, unknown>>> }
  readonly report: ImportReport
  /** The member of the foreign file that a member of the native configuration came from. */
  readonly originOf: (path: Path) => Path
}
