import type { Ledger } from '../../report.ts'
import type { Context } from '../row.ts'
import type { AlphaDocument } from './document.ts'
import { readList, readMembers, type Member } from './members.ts'
import { providerOf, readRoot } from './settings.ts'

type Parts = Omit<Context, 'path'>
type Rule = { readonly value: string } | { readonly pattern: string }

/** null: it is refused. */
function readRule ({ path, input }: Member, ledger: Ledger): Rule | null {
  const members = readMembers(input, path, ['value', 'pattern'], ledger)
  const [value, pattern] = [members.read('value', 'text'), members.read('pattern', 'text')]
  if ((members.find('value') === null) === (members.find('pattern') === null)) ledger.refuse(path, 'must have exactly one of value and pattern')
  else if (value !== null) return { value }
  else if (pattern !== null) return { pattern }
  return null
}

function translateOne (entry: Member, taken: Set<string>, { ledger, draft }: Parts): void {
  const members = readMembers(entry.input, entry.path, ['name', 'default', 'allow'], ledger)
  const name = members.read('name', 'text') ?? ''
  if (name === '') return ledger.refuse(members.pathOf('name'), 'is missing')
  if (taken.has(name)) return ledger.refuse(members.pathOf('name'), 'is the name of an earlier one')
  taken.add(name)
  const values = members.read('default', 'list') ?? []
  if (values.length > 0) draft.setOption(['authorization_params', name], values.length === 1 ? values[0] : values, members.pathOf('name'))
  for (const member of ['name', 'default']) members.settle(member, values.length > 0 ? `is authorization_params.${name} here` : 'is the name of a parameter')
  const allow = members.find('allow')
  const rules = readList(allow, ledger).map(rule => readRule(rule, ledger)).filter(rule => rule !== null)
  if (allow === null || rules.length === 0) return
  draft.set(['endpoints', 'authorization_params_from_query', name], rules, allow.path)
  if (!ledger.isJudged(allow.path)) ledger.exact(allow.path, `is endpoints.authorization_params_from_query.${name} here`)
}

/** What a login asks of the provider, and what callers of `start` may choose. */
export function translateLoginParameters (alpha: AlphaDocument, parts: Parts): void {
  const { ledger } = parts
  const provider = providerOf(readRoot(alpha, ledger), ledger)
  const taken = new Set<string>()
  for (const entry of readList(provider?.find('loginURLParameters') ?? null, ledger)) translateOne(entry, taken, parts)
}
