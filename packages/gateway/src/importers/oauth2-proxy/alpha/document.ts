import type { Path } from '../../../configuration/positions.ts'
import type { SourceDocument } from '../../../configuration/source-document.ts'
import type { Ledger } from '../../report.ts'
import { isObject } from '../../apisix/source.ts'
import { substitute } from './substitution.ts'

/** The YAML of `--alpha-config`. */
export interface AlphaSource {
  readonly value: unknown
  /** What stands in the files that it names; null: cannot be read. */
  readonly files: ReadonlyMap<string, string | null>
}

/** The YAML with its variables put in. */
export interface AlphaDocument extends AlphaSource {
  /** The variable that all of a member came from; null: none. */
  readonly variableOf: (path: Path) => string | null
}

const keyOf = (path: Path): string => JSON.stringify(path)

function expand (value: unknown, path: Path, read: (text: string, path: Path) => string): unknown {
  if (typeof value === 'string') return read(value, path)
  if (Array.isArray(value)) return value.map((item, index) => expand(item, [...path, String(index)], read))
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, expand(member, [...path, name], read)])) : value
}

/** Puts variables in, and says which are not set. */
export function openAlpha ({ value, files }: AlphaSource, environment: NodeJS.ProcessEnv, ledger: Ledger): AlphaDocument {
  const variables = new Map<string, string>()
  const expanded = expand(value, [], (text, path) => {
    const found = substitute(text, environment)
    if ('problem' in found) {
      ledger.refuse(path, found.problem)
      return text
    }
    if (found.variable !== null) variables.set(keyOf(path), found.variable)
    return found.text
  })
  return { value: expanded, files, variableOf: path => variables.get(keyOf(path)) ?? null }
}

function namesBelow (value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(namesBelow)
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, member]) => name.toLowerCase() === 'fromfile' && typeof member === 'string' ? [member] : namesBelow(member))
}

/** Files whose content becomes a part of headers. */
export function filesOfHeaders (value: unknown): string[] {
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([name, member]) => /^inject/i.test(name) ? namesBelow(member) : [])
}

/** Positions of members of both files: those of the YAML say which it is. */
export function joinPositions (file: SourceDocument, alpha: SourceDocument | null, name: string): SourceDocument['positionOf'] {
  if (alpha === null) return file.positionOf
  const roots = new Set(isObject(alpha.value) ? Object.keys(alpha.value) : [])
  const own = new Set(isObject(file.value) ? Object.keys(file.value) : [])
  return path => {
    const [root = ''] = path
    if (!roots.has(root) || own.has(root)) return file.positionOf(path)
    const position = alpha.positionOf(path)
    return position === null ? null : { ...position, file: name }
  }
}
