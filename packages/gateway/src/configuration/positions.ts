/** A place in a file; line and column count from 1. */
export interface Position {
  /** Where a configuration has several files, and it stands in another than the first. */
  readonly file?: string
  readonly line: number
  readonly column: number
}

export type Path = readonly string[]

const keyOf = (path: Path): string => JSON.stringify(path)

/** Remembers where members stand while a file is read. */
export class Positions {
  readonly #known = new Map<string, Position>()

  set (path: Path, position: Position): void {
    this.#known.set(keyOf(path), position)
  }

  find (path: Path): Position | null {
    for (let length = path.length; length >= 0; length--) {
      const position = this.#known.get(keyOf(path.slice(0, length)))
      if (position !== undefined) return position
    }
    return null
  }
}
