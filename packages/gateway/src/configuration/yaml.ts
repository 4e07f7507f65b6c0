import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import { Positions, type Path, type Position } from './positions.ts'
import type { ParsedSource } from './source-document.ts'

const MAX_NODES = 50_000
const MAX_DEPTH = 40

class TooLargeError extends Error {}

interface Reader {
  readonly document: Document.Parsed
  readonly positions: Positions
  readonly positionAt: (offset: number) => Position
  /** Aliases are read where they are used, so a small file can mean a very large one. */
  nodes: number
}

function place (reader: Reader, path: Path, node: unknown): void {
  const start = (node as Node | null)?.range?.[0]
  if (start !== undefined) reader.positions.set(path, reader.positionAt(start))
}

function read (reader: Reader, node: unknown, path: Path): unknown {
  reader.nodes++
  if (reader.nodes > MAX_NODES || path.length > MAX_DEPTH) throw new TooLargeError()
  if (isAlias(node)) return read(reader, node.resolve(reader.document) ?? null, path)
  if (isSeq(node)) {
    return node.items.map((item, index) => {
      const itemPath = [...path, String(index)]
      place(reader, itemPath, item)
      return read(reader, item, itemPath)
    })
  }
  if (isMap(node)) {
    // fromEntries defines members: a key named __proto__ is a member like any other.
    return Object.fromEntries(node.items.map(({ key, value }) => {
      const name = String(isScalar(key) ? key.value : key)
      const memberPath = [...path, name]
      place(reader, memberPath, key)
      return [name, read(reader, value, memberPath)]
    }))
  }
  return isScalar(node) ? node.value : null
}

/** Reads YAML, of which JSON is a part. */
export function parseYaml (text: string): ParsedSource {
  const lineCounter = new LineCounter()
  const positionAt = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset)
    return { line, column: col }
  }
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: true, stringKeys: true })
  const broken = [...document.errors, ...document.warnings]
  if (broken.length > 0) {
    return { kind: 'broken', problems: broken.map(({ message, pos }) => ({ path: [], message, position: positionAt(pos[0]) })) }
  }
  const positions = new Positions()
  positions.set([], { line: 1, column: 1 })
  try {
    const value = read({ document, positions, positionAt, nodes: 0 }, document.contents, [])
    return { kind: 'parsed', document: { value, positionOf: path => positions.find(path) } }
  } catch (error) {
    if (!(error instanceof TooLargeError)) throw error
    return { kind: 'broken', problems: [{ path: [], message: `is too large: more than ${MAX_NODES} values or ${MAX_DEPTH} levels, aliases counted where they are used`, position: null }] }
  }
}
