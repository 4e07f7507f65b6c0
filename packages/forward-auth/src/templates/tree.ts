import { readExpression, type Expression, type Variables } from './expression.ts'
import { cutTemplate, TemplateFault, type Piece } from './source.ts'

/** A template as it branches. */
export type Node =
  | { readonly kind: 'text', readonly line: number, readonly text: string }
  | { readonly kind: 'output', readonly line: number, readonly expression: Expression }
  | { readonly kind: 'branch', readonly line: number, readonly condition: Expression, readonly then: readonly Node[], readonly otherwise: readonly Node[] }

const DEFINE = /^define\s+"([^"]+)"$/
const MAX_DEPTH = 50

/** The pieces between `{{define}}` and its `{{end}}`, where a file has that; Go names a template so. */
function unwrap (pieces: readonly Piece[], name: string): readonly Piece[] {
  const inked = pieces.filter(piece => piece.kind === 'action' || piece.text.trim() !== '')
  const [first] = inked
  const last = inked.at(-1)
  if (first?.kind !== 'action' || !first.code.startsWith('define')) return pieces
  const defined = DEFINE.exec(first.code)?.[1]
  if (defined !== name) throw new TemplateFault(first.line, `the template is not "${name}"`)
  if (last?.kind !== 'action' || last.code !== 'end' || last === first) throw new TemplateFault(first.line, 'define has no end, or something stands behind it')
  return pieces.slice(pieces.indexOf(first) + 1, pieces.lastIndexOf(last))
}

class TreeReader {
  readonly #pieces: readonly Piece[]
  readonly #variables: Variables
  #at = 0

  constructor (pieces: readonly Piece[], variables: Variables) {
    this.#pieces = pieces
    this.#variables = variables
  }

  /** Up to an action that ends a branch, which stays; null: up to the end. */
  #readNodes (depth: number): { readonly nodes: readonly Node[], readonly end: Extract<Piece, { kind: 'action' }> | null } {
    const nodes: Node[] = []
    for (let piece = this.#pieces[this.#at]; piece !== undefined; piece = this.#pieces[this.#at]) {
      this.#at++
      if (piece.kind === 'text') nodes.push(piece)
      else if (piece.code === 'end' || /^else\b/.test(piece.code)) return { nodes, end: piece }
      else nodes.push(this.#readAction(piece.code, piece.line, depth))
    }
    return { nodes, end: null }
  }

  #readAction (code: string, line: number, depth: number): Node {
    const [word = ''] = /^[A-Za-z]*/.exec(code) ?? []
    if (word === 'if') return this.#readBranch(code.slice(2), line, depth + 1)
    if (['define', 'block', 'template', 'range', 'with', 'break', 'continue'].includes(word)) throw new TemplateFault(line, `${word} is not available in these templates: only values, if, else and end`)
    if (code.includes(':=') || /\$\w/.test(code)) throw new TemplateFault(line, 'variables of a template\'s own are not available')
    return { kind: 'output', line, expression: readExpression(code, line, this.#variables) }
  }

  #readBranch (condition: string, line: number, depth: number): Node {
    if (depth > MAX_DEPTH) throw new TemplateFault(line, 'too many branches in one another')
    const expression = readExpression(condition, line, this.#variables)
    const { nodes: then, end } = this.#readNodes(depth)
    if (end === null) throw new TemplateFault(line, 'if has no end')
    return { kind: 'branch', line, condition: expression, then, otherwise: this.#readOtherwise(end, line, depth) }
  }

  #readOtherwise ({ code, line: elseLine }: { readonly code: string, readonly line: number }, line: number, depth: number): readonly Node[] {
    if (code === 'end') return []
    const next = /^else\s+if\b(.*)$/s.exec(code)?.[1]
    if (next !== undefined) return [this.#readBranch(next, elseLine, depth + 1)]
    if (code !== 'else') throw new TemplateFault(elseLine, `${code} is not understood`)
    const { nodes, end } = this.#readNodes(depth)
    if (end?.code !== 'end') throw new TemplateFault(line, 'if has no end, or more than one else')
    return nodes
  }

  read (): readonly Node[] {
    const { nodes, end } = this.#readNodes(0)
    if (end !== null) throw new TemplateFault(end.line, `${end.code} belongs to no if`)
    return nodes
  }
}

/**
 * Reads what Go's templates and these have in common.
 * @throws TemplateFault
 */
export function readTree (source: string, name: string, variables: Variables): readonly Node[] {
  return new TreeReader(unwrap(cutTemplate(source), name), variables).read()
}
