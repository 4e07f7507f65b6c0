import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'
import type { Located } from './source.ts'

/** What a member is judged as, by its name. */
export type Judge = (value: unknown, path: Path, ledger: Ledger, owner: Located) => void

export const same: Judge = (_value, path, ledger) => { ledger.exact(path) }

/** The same, in a part that is not written out. */
export const dissolved = (how: string): Judge => (_value, path, ledger) => { ledger.exact(path, how) }

export const leftOut = (why: string): Judge => (_value, path, ledger) => { ledger.approximate(path, `is left out: ${why}`) }

export const refused = (why: string): Judge => (_value, path, ledger) => { ledger.refuse(path, why) }

/** Said where it is the only value that means nothing; refused otherwise. */
export const onlyAs = (harmless: (value: unknown) => boolean, why: string): Judge => (value, path, ledger) => {
  if (harmless(value)) ledger.exact(path, 'has no effect')
  else ledger.refuse(path, why)
}

/** Left to who reads the member's own members. */
export const elsewhere: Judge = () => {}

const FOR_PEOPLE = 'it is for people and tools, and changes nothing'

/** Members that most objects of APISIX have. */
export const COMMON: Readonly<Record<string, Judge>> = {
  labels: leftOut(FOR_PEOPLE),
  create_time: leftOut(FOR_PEOPLE),
  update_time: leftOut(FOR_PEOPLE)
}

/** The same for what has no name here: services, upstreams. */
export const UNNAMED: Readonly<Record<string, Judge>> = {
  ...COMMON,
  id: dissolved('is the name that others know it by'),
  name: leftOut(FOR_PEOPLE),
  desc: leftOut(FOR_PEOPLE)
}

/** Judges each member of an object; a name that stands in no table is refused. */
export function judgeMembers (owner: Located, table: Readonly<Record<string, Judge>>, ledger: Ledger): void {
  if (owner.path.length > 0 && Object.keys(owner.value).length === 0) ledger.exact(owner.path, 'is empty')
  for (const [name, value] of Object.entries(owner.value)) {
    const judge = Object.hasOwn(table, name) ? table[name] : undefined
    const path = [...owner.path, name]
    if (judge === undefined) ledger.refuse(path, 'is not known to this importer')
    else judge(value, path, ledger, owner)
  }
}

/** The named members that are there, as they are. */
export function pick (owner: Located, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter(name => Object.hasOwn(owner.value, name)).map(name => [name, owner.value[name]]))
}
