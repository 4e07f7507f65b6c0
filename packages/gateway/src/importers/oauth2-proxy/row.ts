import type { Path } from '../../configuration/positions.ts'
import type { Ledger, Verdict } from '../report.ts'
import type { Draft } from './draft.ts'
import type { Settings } from './settings.ts'
import type { ValueType, ValueTypes } from './values.ts'

/** What a row's translation works with. */
export interface Context {
  /** Where the option stands. */
  readonly path: Path
  readonly settings: Settings
  readonly ledger: Ledger
  readonly draft: Draft
}

/** One option of OAuth2 Proxy. */
export interface Row {
  /** As in its file. */
  readonly name: string
  /** As on its command line, without dashes. */
  readonly flag: string
  readonly type: ValueType
  /** What becomes of it, at worst; `varies`: that depends on the value. */
  readonly kind: Verdict | 'varies'
  /** The native option; null: there is none. */
  readonly target: string | null
  /** For the documentation. */
  readonly says: string
  readonly translate: (value: unknown, context: Context) => void
}

type Translate<T extends ValueType> = (value: ValueTypes[T], context: Context) => void
/** A name, and the flag where it is not the name with dashes. */
type Name = string | readonly [name: string, flag: string]

export const NOT_YET = 'is not available in this version'

const nameOf = (name: Name): Pick<Row, 'name' | 'flag'> => typeof name === 'string' ? { name, flag: name.replaceAll('_', '-') } : { name: name[0], flag: name[1] }

const same = (value: unknown, inert: unknown): boolean => JSON.stringify(value) === JSON.stringify(inert)

/** What an option is where it is switched off. */
const OFF: ValueTypes = { text: '', flag: false, list: [], duration: 0, number: 0 }

/** An option with a translation of its own. */
export function row<T extends ValueType> (name: Name, type: T, { kind, target = null, says }: { kind: Row['kind'], target?: string | null, says: string }, translate: Translate<T>): Row {
  return { ...nameOf(name), type, kind, target, says, translate: (value, context) => { translate(value as ValueTypes[T], context) } }
}

const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.length === 0)

/** An option under `openid-connect` that means the same; empty texts and lists are as if they were not written. */
export function option<T extends ValueType> (name: Name, type: T, target: string, convert: (value: ValueTypes[T]) => unknown = value => value): Row {
  return row(name, type, { kind: 'exact', target: `openid-connect: ${target}`, says: '' }, (value, { path, ledger, draft }) => {
    if (isEmpty(value)) return ledger.exact(path, 'is empty')
    draft.setOption(target.split('.'), convert(value), path)
    ledger.exact(path, `is ${target} here`)
  })
}

/** The same for an option under `endpoints`. */
export function endpoint<T extends ValueType> (name: Name, type: T, target: string): Row {
  return row(name, type, { kind: 'exact', target: `endpoints.${target}`, says: '' }, (value, { path, ledger, draft }) => {
    if (isEmpty(value)) return ledger.exact(path, 'is empty')
    draft.set(['endpoints', target], value, path)
    ledger.exact(path, `is endpoints.${target} here`)
  })
}

/** An option that is left out, and why that is near enough. */
export function leftOut<T extends ValueType> (name: Name, type: T, why: string): Row {
  return row(name, type, { kind: 'approximated', says: `left out: ${why}` }, (_value, { path, ledger }) => { ledger.approximate(path, `is left out: ${why}`) })
}

/** An option that changes nothing here, whatever it says. */
export function idle<T extends ValueType> (name: Name, type: T, why: string): Row {
  return row(name, type, { kind: 'exact', says: `no effect: ${why}` }, (_value, { path, ledger }) => { ledger.exact(path, `has no effect: ${why}`) })
}

/** An option without a counterpart; `inert` is the value that may be written all the same. */
export function refused<T extends ValueType> (name: Name, type: T, why: string, inert: ValueTypes[T] = OFF[type]): Row {
  return row(name, type, { kind: 'refused', says: why }, (value, { path, ledger }) => {
    if (same(value, inert)) ledger.exact(path, 'has no effect: it is the default')
    else ledger.refuse(path, why)
  })
}

/** An option whose target comes in a later version. */
export function later<T extends ValueType> (name: Name, type: T, inert: ValueTypes[T] = OFF[type]): Row {
  return refused(name, type, NOT_YET, inert)
}

/** An option that is read where another one is translated. */
export function partOf<T extends ValueType> (name: Name, type: T, { kind, target, says = '' }: { kind: Row['kind'], target: string, says?: string }): Row {
  return row(name, type, { kind, target, says }, (_value, { path, ledger }) => { if (!ledger.isJudged(path)) ledger.exact(path, `is ${target.replace('openid-connect: ', '')} here`) })
}
