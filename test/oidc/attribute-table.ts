import { readFileSync } from 'node:fs'

/** What a row says of a value, in the words of JSON Schema. */
export interface Facts {
  readonly type: string
  readonly required: boolean
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly pattern?: string
  readonly items?: Readonly<Record<string, unknown>>
}

export interface Row extends Facts {
  readonly name: string
  /** What the engine below APISIX does where its table has no default. */
  readonly engine?: unknown
}

/** Where rows are something else here, and why. */
export interface Change {
  readonly rows: readonly string[]
  readonly change: Partial<Facts>
  readonly reason: string
}

interface Table {
  /** The rows as they were published first. */
  readonly published: readonly Row[]
  /** Those that came later. */
  readonly later: readonly Row[]
  readonly differences: readonly Change[]
  /** Values that a row takes in APISIX, and that fail there at a request or mean nothing; and more that it takes here. */
  readonly bounds: readonly Change[]
}

/** The attribute table of the APISIX plugin. */
export const table = JSON.parse(readFileSync(new URL('../fixtures/apisix/attributes.json', import.meta.url), 'utf8')) as Table

export const rows: readonly Row[] = [...table.published, ...table.later]
