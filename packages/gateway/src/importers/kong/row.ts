import type { Path } from '../../configuration/positions.ts'
import type { Ledger, Verdict } from '../report.ts'
import { isUnset, readFlag, readList, readNumber, readOnly } from './values.ts'

type Members = Record<string, unknown>

/** What a row's translation works with. */
export interface Context {
  /** Where the option stands. */
  readonly path: Path
  readonly ledger: Ledger
  /** Everything under `config`. */
  readonly config: Readonly<Record<string, unknown>>
  /** The block under `openid-connect` that is made of it. */
  readonly block: Members
}

/** One option of Kong's plugin. */
export interface Row {
  readonly name: string
  /** What becomes of it, at worst; `varies`: that depends on the value. */
  readonly kind: Verdict | 'varies'
  /** The native option; null: there is none. */
  readonly target: string | null
  /** For the documentation. */
  readonly says: string
  readonly translate: (value: unknown, context: Context) => void
}

export type Type = 'text' | 'list' | 'flag' | 'number' | 'seconds'

const READ: Readonly<Record<Type, (value: unknown) => unknown>> = { text: readOnly, list: readList, flag: readFlag, number: readNumber, seconds: value => { const ms = readNumber(value); return ms === null ? null : Math.max(1, Math.ceil(ms / 1000)) } }
const WANTED: Readonly<Record<Type, string>> = { text: 'must be one text: several of them have no counterpart', list: 'must be a list', flag: 'must be true or false', number: 'must be a number', seconds: 'must be a number' }

/** Puts an option into the block, by its dotted name. */
export function put (block: Members, target: string, value: unknown): void {
  const steps = target.split('.')
  const last = steps.pop() ?? ''
  const inner = steps.reduce<Members>((members, step) => {
    members[step] ??= {}
    return members[step] as Members
  }, block)
  inner[last] = value
}

/** Claims have to hold against this too. */
export function requireClaims (block: Members, schema: Members): void {
  block.required_claims = block.required_claims === undefined ? schema : { allOf: [block.required_claims, schema] }
}

/** An option with a translation of its own. */
export function row (name: string, { kind, target = null, says }: { kind: Row['kind'], target?: string | null, says: string }, translate: Row['translate']): Row {
  return { name, kind, target, says, translate }
}

/** An option that means the same here. */
export function option (name: string, type: Type, target: string, says = ''): Row {
  return row(name, { kind: 'exact', target, says }, (value, { path, ledger, block }) => {
    if (isUnset(value)) return ledger.exact(path, 'is empty')
    const read = READ[type](value)
    if (read === null) return ledger.refuse(path, WANTED[type])
    put(block, target, read)
    ledger.exact(path, `is ${target}${type === 'seconds' ? `: ${String(read)}, in seconds` : ''} here`)
  })
}

/** An option that is left out, and why that is near enough. */
export function leftOut (name: string, why: string): Row {
  return row(name, { kind: 'approximated', says: `left out: ${why}` }, (value, { path, ledger }) => {
    if (isUnset(value)) ledger.exact(path, 'is empty')
    else ledger.approximate(path, `is left out: ${why}`)
  })
}

/** An option without a counterpart; what it is by itself may be written all the same. */
export function refused (name: string, why: string, harmless: readonly unknown[] = [false]): Row {
  return row(name, { kind: 'refused', says: why }, (value, { path, ledger }) => {
    if (isUnset(value) || harmless.map(String).includes(String(value))) ledger.exact(path, 'has no effect')
    else ledger.refuse(path, why)
  })
}

/** An option that is read where another one is translated. */
export function partOf (name: string, target: string, says = ''): Row {
  return row(name, { kind: 'exact', target, says }, (_value, { path, ledger }) => { if (!ledger.isJudged(path)) ledger.exact(path, `is ${target} here`) })
}

/** Ways in by a token that callers bring, or that what they bring is exchanged for. */
export const OF_TOKENS = ['bearer', 'introspection', 'password', 'client_credentials'] as const
export const NO_BEARER = 'neither bearer nor introspection is in auth_methods'

/** Is one of the methods written? */
export const takes = ({ config }: Pick<Context, 'config'>, ...methods: readonly string[]): boolean => readList(config.auth_methods).some(method => methods.includes(method))
