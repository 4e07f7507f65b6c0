import { stringify } from 'yaml'
import { loadForeignFile } from '../importers/foreign-file.ts'
import type { ConfigurationSource } from './arguments.ts'
import { nameOf, reportImport, reportProblems } from './report.ts'
import type { Terminal } from './terminal.ts'

/** `oidc-gateway import`: the native file on standard output, what is different on standard error. Answers the exit code. */
export async function runImport ({ file, foreign }: ConfigurationSource, terminal: Terminal): Promise<number> {
  if (foreign === null) throw new TypeError('import needs an origin')
  const { checked, value, report } = await loadForeignFile(file, foreign, { environment: terminal.environment, allowUnset: true })
  reportImport(terminal, nameOf(file), report)
  // A file that lacks what was refused could be open where the original is not.
  if (value === null || (checked.kind === 'invalid' && checked.problems.length > 0)) {
    reportProblems(terminal, nameOf(file), checked.kind === 'invalid' ? checked.problems : [])
    return 2
  }
  terminal.out(`# oidc-gateway import --from ${foreign.from}\n${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }).trimEnd()}`)
  return 0
}
