import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'
import { COMMON, judgeMembers, pick, same, type Judge } from './members.ts'
import type { Located } from './source.ts'

/** A manager of the native configuration, and where it stands in the foreign file. */
export interface TranslatedManager {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: Path
}

const MEMBERS = ['id', 'uri', 'prefix', 'token', 'namespace', 'timeout']
const VAULT: Readonly<Record<string, Judge>> = { ...COMMON, ...Object.fromEntries(MEMBERS.map(name => [name, same])) }

function translateManager (manager: Located, ledger: Ledger): TranslatedManager[] {
  const { id } = manager.value
  const kind = typeof id === 'string' ? id.split('/', 1)[0] ?? '' : ''
  if (kind === 'vault') {
    judgeMembers(manager, VAULT, ledger)
    return [{ value: pick(manager, MEMBERS), path: manager.path }]
  }
  if (kind === '') ledger.refuse(manager.path, 'has no id that says what it is, such as vault/1')
  else ledger.refuse(manager.path, `is a manager of the kind ${kind}, which has no counterpart: write its secrets as $ENV:// references, or read them with resolveSecret of createGateway`)
  return []
}

/** The secret managers that the gateway can ask as well. */
export function translateSecrets (managers: readonly Located[], ledger: Ledger): TranslatedManager[] {
  return managers.flatMap(manager => translateManager(manager, ledger))
}
