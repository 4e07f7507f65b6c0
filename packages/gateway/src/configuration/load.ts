import { loadForeignFile } from '../importers/foreign-file.ts'
import type { ForeignFormat } from '../importers/origins.ts'
import { checkConfiguration, type CheckedConfiguration } from './check.ts'
import { readConfigurationFile } from './file.ts'
import type { WorkerCount } from './worker-count.ts'

/**
 * Reads and checks a configuration file; `foreign` says whose it is where it is not the gateway's own, and `file` is null only there.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function loadConfiguration (file: string | null, environment: NodeJS.ProcessEnv = process.env, foreign: ForeignFormat | null = null, workers: WorkerCount | null = null): Promise<CheckedConfiguration> {
  if (foreign !== null) return (await loadForeignFile(file, foreign, { environment, allowUnset: false, workers })).checked
  const { source, directory } = await readConfigurationFile(file ?? '')
  if (source.kind === 'broken') return { kind: 'invalid', problems: source.problems }
  return await checkConfiguration(source.document, { environment, directory, workers })
}
