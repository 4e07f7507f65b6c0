import type { Path } from '../configuration/positions.ts'

/** `exact`: means the same here. `approximated`: means something near it. `refused`: stops the import. */
export type Verdict = 'exact' | 'approximated' | 'refused'

/** What became of one member of a foreign file, and of all below it. */
export interface ReportEntry {
  readonly path: Path
  readonly verdict: Verdict
  /** How, or why; null where there is nothing to say: it stands in the output as it was. */
  readonly message: string | null
}

/** What an importer says about a foreign file. */
export interface ImportReport {
  readonly entries: readonly ReportEntry[]
  /** What does not stand in the file and is different because of it. */
  readonly notes: ReadonlyArray<{ readonly path: Path, readonly message: string }>
}

const RANK: Readonly<Record<Verdict, number>> = { exact: 0, approximated: 1, refused: 2 }

const keyOf = (path: Path): string => JSON.stringify(path)

const isContainer = (value: unknown): value is object => value !== null && typeof value === 'object'

/** Keeps one verdict for each member; what nobody has judged is refused in the end. */
export class Ledger {
  readonly #entries = new Map<string, ReportEntry>()
  readonly #notes = new Map<string, ImportReport['notes'][number]>()

  exact (path: Path, message: string | null = null): void {
    this.#judge({ path, verdict: 'exact', message })
  }

  approximate (path: Path, message: string): void {
    this.#judge({ path, verdict: 'approximated', message })
  }

  refuse (path: Path, message: string): void {
    this.#judge({ path, verdict: 'refused', message })
  }

  note (path: Path, message: string): void {
    this.#notes.set(keyOf([...path, message]), { path, message })
  }

  /** Whether the member, one around it or one in it has a verdict. */
  isJudged (path: Path): boolean {
    return this.#covers(path) || [...this.#entries.values()].some(entry => path.every((name, index) => entry.path[index] === name))
  }

  /** Whether a verdict stands at a member of that name. */
  isNamed (name: string): boolean {
    return [...this.#entries.values()].some(({ path }) => path.at(-1) === name)
  }

  /** Refuses what has no verdict. */
  finish (root: unknown): ImportReport {
    this.#refuseRest(root, [])
    return { entries: [...this.#entries.values()], notes: [...this.#notes.values()] }
  }

  /** The same member may be used by several routes: the worst verdict holds. */
  #judge (entry: ReportEntry): void {
    const known = this.#entries.get(keyOf(entry.path))
    const isWorse = known === undefined || RANK[entry.verdict] > RANK[known.verdict]
    if (isWorse || (entry.verdict === known.verdict && known.message === null)) this.#entries.set(keyOf(entry.path), entry)
  }

  #covers (path: Path): boolean {
    return path.some((_, index) => this.#entries.has(keyOf(path.slice(0, index + 1)))) || this.#entries.has(keyOf([]))
  }

  #refuseRest (value: unknown, path: Path): void {
    if (this.#covers(path)) return
    const members = isContainer(value) ? Object.entries(value) : []
    if (members.length === 0 && path.length > 0) this.refuse(path, 'is not known to this importer')
    for (const [name, member] of members) this.#refuseRest(member, [...path, name])
  }
}
