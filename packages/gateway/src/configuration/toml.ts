import { ParseError, parseTOML, type AST } from 'toml-eslint-parser'
import { Positions, type Path, type Position } from './positions.ts'
import type { ParsedSource } from './source-document.ts'

type Table = Map<string, unknown>

const MAX_DEPTH = 40

const positionOf = ({ loc }: { loc: AST.SourceLocation }): Position => ({ line: loc.start.line, column: loc.start.column + 1 })

const nameOf = (key: AST.TOMLBare | AST.TOMLQuoted): string => key.type === 'TOMLBare' ? key.name : key.value

/** Fills one table; inline tables have a builder of their own, under the path where they stand. */
class Builder {
  readonly root: Table = new Map()
  readonly positions: Positions
  readonly #prefix: Path

  constructor (positions: Positions, prefix: Path) {
    this.positions = positions
    this.#prefix = prefix
  }

  /** The table at a path, made where it is missing; numbers are places in an array of tables. */
  table (path: ReadonlyArray<string | number>, position: Position): Table {
    let container: Table | unknown[] = this.root
    path.forEach((segment, index) => {
      const isList = Array.isArray(container)
      let member = (isList ? (container as unknown[])[Number(segment)] : (container as Table).get(String(segment))) as Table | unknown[] | undefined
      if (member === undefined) {
        member = typeof path[index + 1] === 'number' ? [] : new Map<string, unknown>()
        if (isList) (container as unknown[])[Number(segment)] = member
        else (container as Table).set(String(segment), member)
        this.positions.set([...this.#prefix, ...path.slice(0, index + 1).map(String)], position)
      }
      container = member
    })
    return container as unknown as Table
  }

  assign (base: ReadonlyArray<string | number>, entry: AST.TOMLKeyValue): void {
    const keys = entry.key.keys.map(nameOf)
    const last = entry.key.keys.at(-1)
    if (last === undefined) return
    const path = [...base, ...keys]
    const full = [...this.#prefix, ...path.map(String)]
    this.positions.set(full, positionOf(last))
    this.table(path.slice(0, -1), positionOf(entry)).set(nameOf(last), this.#read(entry.value, full))
  }

  #read (node: AST.TOMLContentNode, path: Path): unknown {
    if (path.length > MAX_DEPTH) throw new ParseError('unexpected-token', 0, node.loc.start.line, node.loc.start.column, { token: 'more levels' })
    if (node.type === 'TOMLInlineTable') {
      const inline = new Builder(this.positions, path)
      for (const entry of node.body) inline.assign([], entry)
      return inline.root
    }
    if (node.type !== 'TOMLArray') return node.value
    return node.elements.map((element, index) => {
      const elementPath = [...path, String(index)]
      this.positions.set(elementPath, positionOf(element))
      return this.#read(element, elementPath)
    })
  }
}

/** Maps become objects last: a key named __proto__ is a member like any other. */
function toPlain (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toPlain)
  return value instanceof Map ? Object.fromEntries([...value as Table].map(([name, member]) => [name, toPlain(member)])) : value
}

/** Reads TOML 1.0. */
export function parseToml (text: string): ParsedSource {
  try {
    const builder = new Builder(new Positions(), [])
    builder.positions.set([], { line: 1, column: 1 })
    for (const node of parseTOML(text, { tomlVersion: '1.0.0' }).body[0].body) {
      if (node.type === 'TOMLKeyValue') {
        builder.assign([], node)
        continue
      }
      builder.table(node.resolvedKey, positionOf(node))
      for (const entry of node.body) builder.assign(node.resolvedKey, entry)
    }
    return { kind: 'parsed', document: { value: toPlain(builder.root), positionOf: path => builder.positions.find(path) } }
  } catch (error) {
    if (!(error instanceof ParseError)) throw error
    return { kind: 'broken', problems: [{ path: [], message: error.message, position: { line: error.lineNumber, column: error.column + 1 } }] }
  }
}
