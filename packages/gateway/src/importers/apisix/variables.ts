import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'

const WHOLE = /^\$\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$/

/** `${{NAME}}` is the environment variable in APISIX's files, as `$ENV://NAME` is here. */
export function translateVariables (value: unknown, path: Path, ledger: Ledger): unknown {
  if (typeof value === 'string' && value.includes('${{')) {
    const name = WHOLE.exec(value)?.[1]
    if (name === undefined) ledger.refuse(path, 'has a variable in it that is not all of it, or has a default: neither has a counterpart')
    else ledger.exact(path, `is $ENV://${name} here`)
    return name === undefined ? value : `$ENV://${name}`
  }
  if (Array.isArray(value)) return value.map((member, index) => translateVariables(member, [...path, String(index)], ledger))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => {
    if (name.includes('${{')) ledger.refuse([...path, name], 'has a variable in its name, which has no counterpart')
    return [name, translateVariables(member, [...path, name], ledger)]
  }))
}
