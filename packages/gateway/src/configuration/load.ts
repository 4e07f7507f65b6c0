import { checkConfiguration, type CheckedConfiguration } from './check.ts'
import { readConfigurationFile } from './file.ts'

/**
 * Reads and checks a configuration file.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function loadConfiguration (file: string, environment: NodeJS.ProcessEnv = process.env): Promise<CheckedConfiguration> {
  const { source, directory } = await readConfigurationFile(file)
  if (source.kind === 'broken') return { kind: 'invalid', problems: source.problems }
  return await checkConfiguration(source.document, { environment, directory })
}
