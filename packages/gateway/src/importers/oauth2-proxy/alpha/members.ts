import { nearestName } from 'fastify-oidc-session-store'
import type { Path } from '../../../configuration/positions.ts'
import type { Ledger } from '../../report.ts'
import { isObject } from '../../apisix/source.ts'
import { readValue, type ValueType, type ValueTypes } from '../values.ts'

/** A member of the YAML. */
export interface Member {
  readonly path: Path
  readonly input: unknown
}

/** Members of one object of the YAML, by the names that they have in the documents. */
export class Members {
  readonly path: Path
  readonly #known: ReadonlyMap<string, Member>
  readonly #ledger: Ledger

  constructor (path: Path, known: ReadonlyMap<string, Member>, ledger: Ledger) {
    this.path = path
    this.#known = known
    this.#ledger = ledger
  }

  find (name: string): Member | null {
    return this.#known.get(name) ?? null
  }

  /** Where it stands, or would. */
  pathOf (name: string): Path {
    return this.find(name)?.path ?? [...this.path, name]
  }

  /** null: not written, or wrong, and then it is refused. */
  read<T extends ValueType> (name: string, type: T): ValueTypes[T] | null {
    const member = this.find(name)
    if (member === null) return null
    // A bare number would be nanoseconds.
    const read = type === 'duration' && typeof member.input === 'number' && member.input !== 0 ? { problem: 'must be a duration such as 30s' } : readValue(type, member.input)
    if ('value' in read) return read.value as ValueTypes[T]
    this.#ledger.refuse(member.path, read.problem)
    return null
  }

  /** Says of a member that it means the same, unless something else was said. */
  settle (name: string, message: string): void {
    const member = this.find(name)
    if (member !== null && !this.#ledger.isJudged(member.path)) this.#ledger.exact(member.path, message)
  }
}

/** Reads an object whose members have these names, in capitals or not; others are refused. */
export function readMembers (value: unknown, path: Path, names: readonly string[], ledger: Ledger): Members {
  const known = new Map<string, Member>()
  if (!isObject(value)) ledger.refuse(path, `must have members: ${names.join(', ')}`)
  for (const [written, input] of isObject(value) ? Object.entries(value) : []) {
    const place = [...path, written]
    const name = names.find(name => name.toLowerCase() === written.toLowerCase())
    if (name === undefined) {
      const meant = nearestName(written, names)
      ledger.refuse(place, `is not known to OAuth2 Proxy${meant === null ? '' : `; did you mean ${meant}?`}`)
    } else if (known.has(name)) ledger.refuse(place, 'is there twice')
    else if (input === null) ledger.exact(place, 'is empty')
    else known.set(name, { path: place, input })
  }
  return new Members(path, known, ledger)
}

/** The entries of a list. */
export function readList (member: Member | null, ledger: Ledger): Member[] {
  if (member === null) return []
  if (!Array.isArray(member.input)) {
    ledger.refuse(member.path, 'must be a list')
    return []
  }
  if (member.input.length === 0) ledger.exact(member.path, 'is empty')
  return member.input.map((input: unknown, index) => ({ path: [...member.path, String(index)], input }))
}
