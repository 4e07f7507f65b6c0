import type { GatewayConfiguration } from '../configuration/check.ts'
import { loadConfiguration } from '../configuration/load.ts'
import { loadForeignFile } from '../importers/foreign-file.ts'
import type { ConfigurationSource } from './arguments.ts'
import { nameOf, reportImport, reportProblems } from './report.ts'
import type { Terminal } from './terminal.ts'

/** Reads a command's file and says what is wrong with it, and what is different in a foreign one. null: it does not hold. */
export async function loadForCommand ({ file, foreign, workers }: ConfigurationSource, terminal: Terminal): Promise<GatewayConfiguration | null> {
  const loaded = foreign === null
    ? { checked: await loadConfiguration(file, terminal.environment, null, workers), report: null }
    : await loadForeignFile(file, foreign, { environment: terminal.environment, allowUnset: false, workers })
  if (loaded.report !== null) reportImport(terminal, nameOf(file), loaded.report)
  if (loaded.checked.kind === 'valid') return loaded.checked.configuration
  reportProblems(terminal, nameOf(file), loaded.checked.problems)
  return null
}
