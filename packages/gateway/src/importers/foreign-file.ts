import { extname } from 'node:path'
import { resolveReferences, type ReferenceSources } from 'fastify-oidc'
import { formatPath, type OptionProblem } from 'fastify-oidc-session-store'
import { checkConfiguration, type CheckedConfiguration } from '../configuration/check.ts'
import { readConfigurationFile } from '../configuration/file.ts'
import type { Path, Position } from '../configuration/positions.ts'
import { locate, type ConfigurationProblem } from '../configuration/problems.ts'
import type { SourceDocument } from '../configuration/source-document.ts'
import type { WorkerCount } from '../configuration/worker-count.ts'
import { importApisix } from './apisix/import.ts'
import type { Imported } from './imported.ts'
import { readKongFile } from './kong/read.ts'
import { readOAuth2Proxy } from './oauth2-proxy/read.ts'
import type { ForeignFormat } from './origins.ts'
import type { ReportEntry } from './report.ts'

/** One line of the report, and where it stands. */
export interface ReportLine {
  readonly position: Position | null
  readonly path: Path
  readonly verdict: ReportEntry['verdict'] | 'note'
  readonly message: string | null
}

/** A foreign file, looked at. */
export interface ForeignConfiguration {
  readonly checked: CheckedConfiguration
  /** The native configuration; null where the file cannot be read as one. */
  readonly value: Imported['value'] | null
  readonly report: readonly ReportLine[]
}

interface ForeignOptions {
  readonly environment: NodeJS.ProcessEnv
  /** Whether `$ENV://` references may be unset, and `$secret://` references are left alone: they are for where the gateway will run. */
  readonly allowUnset: boolean
  readonly workers?: WorkerCount | null
}

const END = /^\s*#END\s*$/m
const ROUTE = /\broutes\[(\d+)\]/g

const byPosition = (a: ReportLine, b: ReportLine): number => (a.position?.file ?? '').localeCompare(b.position?.file ?? '') || (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0)

function reportOf ({ report }: Imported, { positionOf }: SourceDocument): ReportLine[] {
  const notes = report.notes.map(note => ({ ...note, verdict: 'note' as const }))
  return [...notes, ...report.entries].map(entry => ({ ...entry, position: positionOf(entry.path) })).sort(byPosition)
}

/** Problems of the native configuration, told in terms of the foreign file. */
function translateProblems (problems: readonly OptionProblem[], { originOf }: Imported): OptionProblem[] {
  const nameOf = (index: string): string => formatPath(originOf(['routes', index])) || 'the route'
  return problems.map(({ path, message }) => ({ path: originOf(path), message: message.replace(ROUTE, (_all, index: string) => nameOf(index)) }))
}

/** References that stand for something where the gateway will run. */
async function openReferences (value: unknown, sources: ReferenceSources): Promise<ReadonlySet<string>> {
  const { problems } = await resolveReferences(value, sources)
  return new Set(problems.filter(({ kind }) => kind !== 'wrong').map(({ path }) => JSON.stringify(path)))
}

async function checkImported (imported: Imported, document: SourceDocument, directory: string, { environment, allowUnset, workers = null }: ForeignOptions): Promise<CheckedConfiguration> {
  const refused = imported.report.entries.filter(({ verdict }) => verdict === 'refused').map(({ path, message }) => ({ path, message: message ?? '' }))
  const sources = { environment, asksManagers: !allowUnset }
  const isEmpty = imported.value.routes.length === 0
  const checked: CheckedConfiguration = refused.length > 0 && isEmpty
    ? { kind: 'invalid', problems: [] }
    : await checkConfiguration({ value: imported.value, positionOf: () => null }, { ...sources, directory, workers })
  if (checked.kind === 'valid' && refused.length === 0) return checked
  const unset = allowUnset ? await openReferences(imported.value, sources) : new Set<string>()
  const found = checked.kind === 'valid' ? [] : checked.problems.filter(({ path }) => !unset.has(JSON.stringify(path)))
  return { kind: 'invalid', problems: locate([...refused, ...translateProblems(found, imported)], document.positionOf) }
}

/** A foreign configuration that could be read, and where relative file names in it start. */
interface ReadForeign {
  readonly imported: Imported
  readonly document: SourceDocument
  readonly directory: string
}

async function readApisix (file: string, { ignorePlugins, listen = null }: ForeignFormat): Promise<ReadForeign | readonly ConfigurationProblem[]> {
  const { source, directory, text } = await readConfigurationFile(file)
  if (source.kind === 'broken') return source.problems
  const isYaml = ['.yaml', '.yml'].includes(extname(file).toLowerCase())
  const imported = importApisix(source.document.value, { ignored: ignorePlugins, listen, hasEnd: isYaml ? END.test(text) : null })
  return { imported, document: source.document, directory }
}

async function readForeign (file: string | null, format: ForeignFormat, { environment }: ForeignOptions): Promise<ReadForeign | readonly ConfigurationProblem[]> {
  switch (format.from) {
    case 'apisix': return await readApisix(file ?? '', format)
    case 'oauth2-proxy': return await readOAuth2Proxy(file, format, environment)
    case 'kong': return await readKongFile(file ?? '', format)
  }
}

/**
 * Reads what was written for another gateway; `file` is null where there is none, and a command line. It is valid only where nothing in it is refused.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function loadForeignFile (file: string | null, format: ForeignFormat, options: ForeignOptions): Promise<ForeignConfiguration> {
  const read = await readForeign(file, format, options)
  if (!('imported' in read)) return { checked: { kind: 'invalid', problems: read }, value: null, report: [] }
  const { imported, document, directory } = read
  return {
    checked: await checkImported(imported, document, directory, options),
    value: imported.value,
    report: reportOf(imported, document)
  }
}
