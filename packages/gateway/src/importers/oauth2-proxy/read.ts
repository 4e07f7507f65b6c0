import { readBounded, readConfigurationFile } from '../../configuration/file.ts'
import type { ConfigurationProblem } from '../../configuration/problems.ts'
import type { SourceDocument } from '../../configuration/source-document.ts'
import type { Imported } from '../imported.ts'
import type { ForeignFormat } from '../origins.ts'
import { Ledger } from '../report.ts'
import { filesOfHeaders, joinPositions, openAlpha, type AlphaSource } from './alpha/document.ts'
import { collectSettings, type Sources } from './collect.ts'
import { parseCommandLine } from './command-line.ts'
import { importOAuth2Proxy } from './import.ts'

/** What OAuth2 Proxy would run with, translated. */
export interface ReadOAuth2Proxy {
  readonly imported: Imported
  readonly document: SourceDocument
  readonly directory: string
}

/** Options that name a file whose content stands in the native configuration. */
const READ_FILES = ['client_secret_file', 'cookie_secret_file', 'redis_ca_path']

const NO_FILE: SourceDocument = { value: null, positionOf: () => null }

/** null: it cannot be read, or is too large. */
async function readText (file: string): Promise<string | null> {
  try {
    return await readBounded(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error) return null
    throw error
  }
}

/** The YAML of --alpha-config; null: none is named. */
async function readAlpha (file: string | null): Promise<{ readonly document: SourceDocument, readonly source: AlphaSource } | null | readonly ConfigurationProblem[]> {
  if (file === null) return null
  const { source } = await readConfigurationFile(file, 'yaml')
  if (source.kind === 'broken') return source.problems.map(problem => ({ ...problem, position: problem.position === null ? null : { ...problem.position, file } }))
  const { document } = source
  const names = filesOfHeaders(document.value)
  return { document, source: { value: document.value, files: new Map(await Promise.all(names.map(async name => [name, await readText(name)] as const))) } }
}

async function readNamedFiles (sources: Sources): Promise<ReadonlyMap<string, string | null>> {
  const ledger = new Ledger()
  const alpha = sources.alpha === undefined || sources.alpha === null ? null : openAlpha(sources.alpha, sources.environment, ledger)
  const settings = collectSettings(sources, ledger, alpha)
  const names = READ_FILES.map(name => settings.text(name)).filter(name => name !== null)
  return new Map(await Promise.all(names.map(async name => [name, await readText(name)] as const)))
}

/**
 * Reads a file, the environment and a command line of OAuth2 Proxy. The file is TOML whatever its name; relative names in it are meant from the working directory.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function readOAuth2Proxy (file: string | null, { listen = null, dev = false, commandLine = [] }: ForeignFormat, environment: NodeJS.ProcessEnv): Promise<ReadOAuth2Proxy | readonly ConfigurationProblem[]> {
  const source = file === null ? null : (await readConfigurationFile(file, 'toml')).source
  if (source?.kind === 'broken') return source.problems
  const document = source === null ? NO_FILE : source.document
  const parsed = parseCommandLine(commandLine)
  const alpha = await readAlpha(parsed.alphaConfig)
  if (alpha !== null && !('source' in alpha)) return alpha
  const sources: Sources = { file: document.value, environment, commandLine: parsed, alpha: alpha?.source ?? null }
  const imported = importOAuth2Proxy(sources, { listen, dev, files: await readNamedFiles(sources) })
  const positionOf = joinPositions(document, alpha?.document ?? null, parsed.alphaConfig ?? '')
  return { imported, document: { value: document.value, positionOf }, directory: process.cwd() }
}
