import type { Context } from '../row.ts'
import type { AlphaDocument } from './document.ts'
import { readList, readMembers, type Member } from './members.ts'
import { providerOf, readRoot } from './settings.ts'

type Parts = Omit<Context, 'path'>

function translateOne (entry: Member, taken: Set<string>, { ledger, draft }: Parts): void {
  const members = readMembers(entry.input, entry.path, ['name', 'default', 'allow'], ledger)
  const name = members.read('name', 'text') ?? ''
  if (name === '') return ledger.refuse(members.pathOf('name'), 'is missing')
  if (taken.has(name)) return ledger.refuse(members.pathOf('name'), 'is the name of an earlier one')
  taken.add(name)
  const values = members.read('default', 'list') ?? []
  if (values.length > 0) draft.setOption(['authorization_params', name], values.length === 1 ? values[0] : values, members.pathOf('name'))
  for (const member of ['name', 'default']) members.settle(member, values.length > 0 ? `is authorization_params.${name} here` : 'is empty')
  const rules = members.find('allow')
  if (rules !== null && readList(rules, ledger).length > 0) ledger.refuse(rules.path, 'is not available in this version')
}

/** What a login asks of the provider, and what callers of `start` may choose. */
export function translateLoginParameters (alpha: AlphaDocument, parts: Parts): void {
  const { ledger } = parts
  const provider = providerOf(readRoot(alpha, ledger), ledger)
  const taken = new Set<string>()
  for (const entry of readList(provider?.find('loginURLParameters') ?? null, ledger)) translateOne(entry, taken, parts)
}
