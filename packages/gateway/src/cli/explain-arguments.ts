import { METHODS } from '../configuration/methods.ts'

/** Who would call, as it was typed. `-` as a file is standard input. */
export type ExplainCaller =
  | { readonly kind: 'token', readonly token: string }
  | { readonly kind: 'token-file', readonly file: string }
  | { readonly kind: 'claims', readonly file: string }
  | null

/** What was asked of `explain`. */
export interface ExplainRequest {
  readonly method: typeof METHODS[number]
  /** Path, and query. */
  readonly url: string
  readonly host: string
  readonly caller: ExplainCaller
  readonly format: 'text' | 'json'
}

export const EXPLAIN_OPTIONS = {
  route: { type: 'string' },
  method: { type: 'string' },
  host: { type: 'string' },
  token: { type: 'string' },
  'token-file': { type: 'string' },
  claims: { type: 'string' }
} as const

type Name = keyof typeof EXPLAIN_OPTIONS
type Values = Readonly<Partial<Record<Name | 'json', unknown>>>
type Found<T> = { readonly value: T } | { readonly misuse: string }

const NAMES = Object.keys(EXPLAIN_OPTIONS) as Name[]
const CALLERS = ['token', 'token-file', 'claims'] as const
const HOST = /^(?:[A-Za-z0-9._-]+|\[[\da-fA-F:.]+\])(?::\d{1,5})?$/

/** An option of `explain` that was typed for another command; `--route` is for others too. */
export function strayExplainOption (values: Values): string | null {
  return NAMES.find(name => name !== 'route' && values[name] !== undefined) ?? null
}

function callerOf (values: Values): Found<ExplainCaller> {
  const [name, second] = CALLERS.filter(name => values[name] !== undefined)
  if (second !== undefined) return { misuse: `--${String(name)} and --${second} do not go together` }
  if (name === undefined) return { value: null }
  const text = String(values[name])
  return { value: name === 'token' ? { kind: name, token: text } : { kind: name, file: text } }
}

/** Reads what stands behind `explain`. */
export function findExplainRequest (values: Values): Found<ExplainRequest> {
  const empty = NAMES.find(name => values[name] !== undefined && (typeof values[name] !== 'string' || values[name] === ''))
  if (empty !== undefined) return { misuse: `--${empty} needs a value` }
  if (values.json !== undefined && values.json !== true) return { misuse: '--json takes no value' }
  const { route, method = 'GET', host = 'localhost' } = values
  if (route === undefined) return { misuse: '--route PATH is missing' }
  if (!String(route).startsWith('/') || /[\s#]/.test(String(route))) return { misuse: '--route must be a path, such as /api/users' }
  const known = METHODS.find(name => name === String(method).toUpperCase())
  if (known === undefined) return { misuse: `--method must be one of ${METHODS.join(', ')}` }
  if (!HOST.test(String(host))) return { misuse: '--host must be a name, such as app.example.com' }
  const caller = callerOf(values)
  if ('misuse' in caller) return caller
  return { value: { method: known, url: String(route), host: String(host), caller: caller.value, format: values.json === true ? 'json' : 'text' } }
}
