import type { Path } from '../../configuration/positions.ts'
import { isObject, type Located } from '../apisix/source.ts'
import type { Ledger } from '../report.ts'
import { isUnset } from './values.ts'

type Members = Located['value']

/** Of each kind of objects, what holds where an object does not say it. */
export type Defaults = Readonly<Record<'services' | 'routes', Members>>

const NONE: Defaults = { services: {}, routes: {} }

const isNothing = (value: unknown): boolean => isUnset(value) || (isObject(value) && Object.keys(value).length === 0)

function readKind (singular: string, value: unknown, path: Path, ledger: Ledger): Members {
  if (isNothing(value)) ledger.exact(path, 'is empty')
  else if (!isObject(value)) ledger.refuse(path, 'must be an object')
  else {
    for (const name of Object.keys(value)) ledger.exact([...path, name], `is laid under each ${singular} that does not write it`)
    return value
  }
  return {}
}

function readDefaults (value: unknown, path: Path, ledger: Ledger): Defaults {
  if (value !== null && !isObject(value)) ledger.refuse(path, 'must be an object')
  else if (isNothing(value)) ledger.exact(path, 'is empty')
  if (!isObject(value)) return NONE
  for (const [kind, members] of Object.entries(value)) {
    if (kind === 'route' || kind === 'service') continue
    if (isNothing(members)) ledger.exact([...path, kind], 'is empty')
    else ledger.refuse([...path, kind], 'has no counterpart: defaults are those of route and service alone. Write them where they belong')
  }
  const read = (singular: 'route' | 'service'): Members => Object.hasOwn(value, singular) ? readKind(singular, value[singular], [...path, singular], ledger) : {}
  return { services: read('service'), routes: read('route') }
}

/** What decK lays under the objects of a file, in `_info`. */
export function readInfo (info: unknown, ledger: Ledger): Defaults {
  if (info === undefined) return NONE
  if (!isObject(info) || Object.keys(info).length === 0) {
    ledger.exact(['_info'], 'is bookkeeping')
    return NONE
  }
  for (const name of Object.keys(info)) if (name !== 'defaults') ledger.exact(['_info', name], 'is bookkeeping')
  return info.defaults === undefined ? NONE : readDefaults(info.defaults, ['_info', 'defaults'], ledger)
}

/** An object with the defaults of its kind under it. */
export function layUnder (defaults: Members, value: Members): Members {
  const written = Object.entries(value).filter(([name, member]) => !Object.hasOwn(defaults, name) || (member !== null && member !== undefined))
  return { ...defaults, ...Object.fromEntries(written) }
}
