import { TemplateFault } from './source.ts'

/** `html`: an operator's, sent as it is where text of a page may stand. */
export type ValueKind = 'text' | 'html' | 'number' | 'flag'
export type Value = string | number | boolean
export type Values = Readonly<Record<string, Value>>
/** The names that a template may use, and what they are. */
export type Variables = Readonly<Record<string, ValueKind>>

/** What stands between braces, checked: it cannot fail. */
export interface Expression {
  readonly kind: ValueKind
  readonly evaluate: (values: Values) => Value
}

interface Call { readonly at: number, readonly name: string, readonly args: readonly Expression[] }

const TOKEN = /\s*(?:(\$?\.[A-Za-z]\w*)|([A-Za-z]\w*)|("(?:\\.|[^"\\])*"|`[^`]*`)|(-?\d+)|([()|]))/y
const MAX_DEPTH = 20

interface Token { readonly kind: 'variable' | 'name' | 'text' | 'number' | 'sign', readonly text: string }

function readTokens (code: string, line: number): Token[] {
  const tokens: Token[] = []
  const trimmed = code.trimEnd()
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < trimmed.length) {
    const at = TOKEN.lastIndex
    const match = TOKEN.exec(trimmed)
    if (match === null) throw new TemplateFault(line, `${JSON.stringify(trimmed.slice(at).trim())} is not understood`)
    const [, variable, name, text, number, sign] = match
    if (variable !== undefined) tokens.push({ kind: 'variable', text: variable.replace(/^\$?\./, '') })
    else if (name !== undefined) tokens.push({ kind: 'name', text: name })
    else if (text !== undefined) tokens.push({ kind: 'text', text })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else tokens.push({ kind: 'sign', text: sign ?? '' })
  }
  return tokens
}

function readText (token: string, line: number): string {
  if (token.startsWith('`')) return token.slice(1, -1)
  try {
    return String(JSON.parse(token))
  } catch {
    throw new TemplateFault(line, `${token} has an escape that is not understood`)
  }
}

/** As Go counts: nothing, zero and false are not. */
export const isTrue = (value: Value): boolean => value !== '' && value !== 0 && value !== false

const isText = ({ kind }: Expression): boolean => kind === 'text' || kind === 'html'

/** The functions that there are. */
function apply ({ at: line, name, args }: Call): Expression {
  const [first, ...others] = args
  const fail = (message: string): never => { throw new TemplateFault(line, message) }
  if (first === undefined) return fail(`${name} has nothing to work on`)
  if (name === 'not') return args.length > 1 ? fail('not takes one value') : { kind: 'flag', evaluate: values => !isTrue(first.evaluate(values)) }
  if (name === 'and' || name === 'or') {
    const kind = args.every(arg => arg.kind === first.kind) ? first.kind : fail(`${name} has values of several kinds`)
    const stops = (value: Value): boolean => isTrue(value) === (name === 'or')
    return { kind, evaluate: values => others.reduce((value, other) => stops(value) ? value : other.evaluate(values), first.evaluate(values)) }
  }
  if (name === 'eq' || name === 'ne') {
    if (others.length === 0 || (name === 'ne' && others.length > 1)) return fail(`${name} compares ${name === 'ne' ? 'two values' : 'a value with others'}`)
    if (others.some(other => other.kind !== first.kind && !(isText(other) && isText(first)))) return fail(`${name} compares values of several kinds`)
    return { kind: 'flag', evaluate: values => others.some(other => other.evaluate(values) === first.evaluate(values)) === (name === 'eq') }
  }
  if (name === 'ToUpper' || name === 'ToLower') {
    if (others.length > 0 || !isText(first)) return fail(`${name} takes one text`)
    return { kind: 'text', evaluate: values => name === 'ToUpper' ? String(first.evaluate(values)).toUpperCase() : String(first.evaluate(values)).toLowerCase() }
  }
  return fail(`${name} is not one of the functions eq, ne, and, or, not, ToUpper, ToLower`)
}

class Reader {
  readonly #tokens: readonly Token[]
  readonly #line: number
  readonly #variables: Variables
  #at = 0

  constructor (tokens: readonly Token[], line: number, variables: Variables) {
    this.#tokens = tokens
    this.#line = line
    this.#variables = variables
  }

  isAtEnd (): boolean {
    return this.#at >= this.#tokens.length
  }

  #takeSign (sign: string): boolean {
    const token = this.#tokens[this.#at]
    const isIt = token?.kind === 'sign' && token.text === sign
    if (isIt) this.#at++
    return isIt
  }

  #fail (message: string): never {
    throw new TemplateFault(this.#line, message)
  }

  #readOperand (depth: number): Expression | null {
    if (this.#takeSign('(')) {
      const inner = this.readPipe(depth + 1)
      return this.#takeSign(')') ? inner : this.#fail('a parenthesis is not closed')
    }
    const token = this.#tokens[this.#at]
    if (token === undefined || token.kind === 'sign') return null
    if (token.kind === 'name' && token.text !== 'true' && token.text !== 'false') return null
    this.#at++
    if (token.kind === 'name') return { kind: 'flag', evaluate: () => token.text === 'true' }
    if (token.kind === 'number') return { kind: 'number', evaluate: () => Number(token.text) }
    if (token.kind === 'text') {
      const text = readText(token.text, this.#line)
      return { kind: 'text', evaluate: () => text }
    }
    const kind = Object.hasOwn(this.#variables, token.text) ? this.#variables[token.text] : undefined
    if (kind === undefined) this.#fail(`.${token.text} is not one of ${Object.keys(this.#variables).map(name => `.${name}`).join(', ')}`)
    return { kind, evaluate: values => values[token.text] ?? '' }
  }

  #readCommand (piped: Expression | null, depth: number): Expression {
    const token = this.#tokens[this.#at]
    if (token?.kind === 'name' && token.text !== 'true' && token.text !== 'false') {
      this.#at++
      const args: Expression[] = []
      for (let arg = this.#readOperand(depth); arg !== null; arg = this.#readOperand(depth)) args.push(arg)
      return apply({ at: this.#line, name: token.text, args: piped === null ? args : [...args, piped] })
    }
    if (piped !== null) this.#fail('what stands behind | is not a function')
    return this.#readOperand(depth) ?? this.#fail('a value is missing')
  }

  readPipe (depth: number): Expression {
    if (depth > MAX_DEPTH) this.#fail('too many parentheses')
    let value = this.#readCommand(null, depth)
    while (this.#takeSign('|')) value = this.#readCommand(value, depth)
    return value
  }
}

/**
 * Reads an expression of Go's templates: variables, constants, comparisons.
 * @throws TemplateFault
 */
export function readExpression (code: string, line: number, variables: Variables): Expression {
  const reader = new Reader(readTokens(code, line), line, variables)
  const expression = reader.readPipe(0)
  if (!reader.isAtEnd()) throw new TemplateFault(line, `${JSON.stringify(code)} is not understood`)
  return expression
}
