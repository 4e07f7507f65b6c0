import { open } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { ConfigurationUnreadableError } from '../errors.ts'
import { parseToml } from './toml.ts'
import type { ParsedSource } from './source-document.ts'
import { parseYaml } from './yaml.ts'

export type ConfigurationFormat = 'yaml' | 'json' | 'toml'

const MAX_BYTES = 1024 * 1024
const FORMATS: Readonly<Record<string, ConfigurationFormat>> = { '.yaml': 'yaml', '.yml': 'yaml', '.json': 'json', '.toml': 'toml' }

const broken = (message: string): ParsedSource => ({ kind: 'broken', problems: [{ path: [], message, position: null }] })

/** YAML is more than JSON: what is only YAML must not pass for JSON. */
function parseJson (text: string): ParsedSource {
  const parsed = parseYaml(text)
  if (parsed.kind === 'broken') return parsed
  try {
    JSON.parse(text)
    return parsed
  } catch {
    // The parser's own message quotes the file, and the file may hold secrets.
    return broken('is YAML but not JSON: quote names and texts, and leave out comments and trailing commas')
  }
}

/** Reads a configuration's text, and remembers where each member stands. */
export function parseConfiguration (text: string, format: ConfigurationFormat): ParsedSource {
  if (Buffer.byteLength(text) > MAX_BYTES) return broken(`is larger than ${MAX_BYTES} bytes`)
  switch (format) {
    case 'yaml': return parseYaml(text)
    case 'json': return parseJson(text)
    case 'toml': return parseToml(text)
  }
}

/** A file's text; null: it is too large. */
export async function readBounded (file: string): Promise<string | null> {
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(MAX_BYTES + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) return buffer.toString('utf8', 0, length)
      length += bytesRead
    }
    return null
  } finally {
    await handle.close()
  }
}

/**
 * Reads a configuration file; its name's end says what it is, where `written` does not. Relative paths in it are meant from its folder.
 * @rejects FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE
 */
export async function readConfigurationFile (file: string, written: ConfigurationFormat | null = null): Promise<{ readonly source: ParsedSource, readonly directory: string, readonly text: string }> {
  const directory = dirname(resolve(file))
  const format = written ?? FORMATS[extname(file).toLowerCase()]
  if (format === undefined) return { source: broken(`has a name that does not say its format: ${Object.keys(FORMATS).join(', ')}`), directory, text: '' }
  try {
    const text = await readBounded(file)
    return { source: text === null ? broken(`is larger than ${MAX_BYTES} bytes`) : parseConfiguration(text.replace(/^\uFEFF/, ''), format), directory, text: text ?? '' }
  } catch (error) {
    const unreadable = new ConfigurationUnreadableError(file)
    unreadable.cause = error
    throw unreadable
  }
}
