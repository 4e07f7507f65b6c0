import type { Path } from '../../configuration/positions.ts'
import type { Row } from './row.ts'
import type { ValueType, ValueTypes } from './values.ts'

/** One option that is written, after the sources are put together. */
export interface Setting {
  readonly row: Row
  readonly path: Path
  readonly value: ValueTypes[ValueType]
  /** The environment variable that it came from; null: it came from elsewhere. */
  readonly variable: string | null
}

/** The options that are written. */
export class Settings {
  readonly #known: ReadonlyMap<string, Setting>

  readonly #places: ReadonlyMap<string, Path>

  /** `places`: where options would stand that stand in no file of the usual form. */
  constructor (settings: Iterable<Setting>, places: ReadonlyMap<string, Path> = new Map()) {
    this.#known = new Map([...settings].map(setting => [setting.row.name, setting]))
    this.#places = places
  }

  [Symbol.iterator] (): Iterator<Setting> {
    return this.#known.values()
  }

  find (name: string): Setting | null {
    return this.#known.get(name) ?? null
  }

  /** Where it stands, or would stand. */
  pathOf (name: string): Path {
    return this.find(name)?.path ?? this.#places.get(name) ?? [name]
  }

  #read<T extends ValueType> (name: string, type: T): ValueTypes[T] | null {
    const setting = this.find(name)
    if (setting === null) return null
    if (setting.row.type !== type) throw new TypeError(`${name} is a ${setting.row.type}`)
    return setting.value as ValueTypes[T]
  }

  /** null: not written, or empty. */
  text (name: string): string | null {
    const value = this.#read(name, 'text')
    return value === '' ? null : value
  }

  flag (name: string, otherwise: boolean): boolean {
    return this.#read(name, 'flag') ?? otherwise
  }

  list (name: string): readonly string[] {
    return this.#read(name, 'list') ?? []
  }

  duration (name: string, otherwise: number): number {
    return this.#read(name, 'duration') ?? otherwise
  }
}
