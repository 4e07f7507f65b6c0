import { dirname, extname, resolve } from 'node:path'
import { ConfigurationUnreadableError } from '../../errors.ts'
import { readBounded, readConfigurationFile } from '../../configuration/file.ts'
import type { ConfigurationProblem } from '../../configuration/problems.ts'
import type { ParsedSource, SourceDocument } from '../../configuration/source-document.ts'
import type { Imported } from '../imported.ts'
import type { ForeignFormat } from '../origins.ts'
import { parseForm } from './form.ts'
import { importKong } from './import.ts'

/** What Kong would run with, translated. */
export interface ReadKong {
  readonly imported: Imported
  readonly document: SourceDocument
  readonly directory: string
}

const DOCUMENTS = ['.yaml', '.yml', '.json']

async function readSource (file: string): Promise<ParsedSource> {
  if (DOCUMENTS.includes(extname(file).toLowerCase())) return (await readConfigurationFile(file)).source
  try {
    const text = await readBounded(file)
    return text === null ? { kind: 'broken', problems: [{ path: [], message: 'is too large', position: null }] } : parseForm(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw Object.assign(new ConfigurationUnreadableError(file), { cause: error })
  }
}

/**
 * Reads a file of decK (YAML or JSON), a body or answer of the Admin API (JSON), or curl commands and form data for it (any other name).
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function readKongFile (file: string, { ignorePlugins, listen = null, route = null, upstream = null, explained }: ForeignFormat): Promise<ReadKong | readonly ConfigurationProblem[]> {
  const source = await readSource(file)
  if (source.kind === 'broken') return source.problems
  return { imported: importKong(source.document.value, { ignored: ignorePlugins, listen, route, upstream, explained: explained ?? null }), document: source.document, directory: dirname(resolve(file)) }
}
