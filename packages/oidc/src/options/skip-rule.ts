import { METHODS } from 'node:http'
import { parsePattern, type PathPattern } from './path-pattern.ts'

/** An entry of `skip_auth_routes`. */
export interface SkipRule {
  readonly written: string
  /** null: all. */
  readonly method: string | null
  /** It opens what does not match. */
  readonly isNegated: boolean
  readonly pattern: PathPattern
}

export type ParsedRule =
  | { readonly kind: 'rule', readonly rule: SkipRule }
  | { readonly kind: 'problem', readonly message: string }

/** `GET=^/public/`, `GET!=^/api/`, `!=^/api/`; anything else is an expression as a whole, also one that has `=` in it. */
const ENTRY = /^(?<method>[a-z-]*)(?<sign>!?=)(?<expression>.*)$/is

const problem = (message: string): ParsedRule => ({ kind: 'problem', message })

/**
 * Reads `[METHOD][!]=expression`, or an expression alone. A negated one ignores case: `/API` is not open
 * where `!=^/api` is written, though a server behind may take them for the same.
 */
export function parseSkipRule (written: string): ParsedRule {
  const { method = '', sign = '=', expression = written } = ENTRY.exec(written)?.groups ?? {}
  if (expression === '') return problem('has no expression: an empty one would hold for every path')
  if (method !== '' && !METHODS.includes(method.toUpperCase())) return problem(`has ${JSON.stringify(method)} for a method, and there is none of that name: where it is part of the path, write ${JSON.stringify(`(?:${written})`)}`)
  const isNegated = sign === '!='
  const parsed = parsePattern(expression, { ignoresCase: isNegated })
  if (parsed.kind === 'problem') return parsed
  return { kind: 'rule', rule: { written, method: method === '' ? null : method.toUpperCase(), isNegated, pattern: parsed.pattern } }
}

/** Does the rule open a path, in each of the forms that it can be read in? What is shut is so in capitals too: a server may make I of a dotless i, and SS of a sharp s. */
export function opensPath ({ pattern, isNegated }: SkipRule, forms: readonly string[]): boolean {
  const matches = isNegated ? (form: string): boolean => pattern.matches(form) || pattern.matches(form.toUpperCase()) : (form: string): boolean => pattern.matches(form)
  return forms.length > 0 && forms.every(form => matches(form) !== isNegated)
}

/** Paths that no operator had in mind. */
const UNHEARD_OF = ['/', '/8f1c4b', '/8f1c4b/8f1c4b.html', '/8F1C4B/8f1c4b/']

/** Does it open whatever nobody thought of? */
export function opensAnything (rule: SkipRule): boolean {
  return UNHEARD_OF.every(path => opensPath(rule, [path]))
}
