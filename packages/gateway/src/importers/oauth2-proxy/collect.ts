import { nearestName } from 'fastify-oidc-session-store'
import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'
import { isObject } from '../apisix/source.ts'
import type { AlphaDocument, AlphaSource } from './alpha/document.ts'
import { ALPHA_PLACES } from './alpha/fields.ts'
import { alphaSettings } from './alpha/settings.ts'
import type { CommandLine } from './command-line.ts'
import type { Row } from './row.ts'
import { Settings, type Setting } from './settings.ts'
import { isVariable, NAMES, rowOfFlag, rowOfName, rowOfVariable, VARIABLES } from './table.ts'
import { readValue } from './values.ts'

/** Where options may stand, the weakest first. */
export interface Sources {
  /** null: there is no file. */
  readonly file: unknown
  readonly environment: NodeJS.ProcessEnv
  readonly commandLine: CommandLine
  /** The YAML of --alpha-config; null or left out: there is none. */
  readonly alpha?: AlphaSource | null
}

type Written = Pick<Setting, 'row' | 'path' | 'variable'> & { readonly input: unknown }

const suggest = (name: string, known: readonly string[]): string => {
  const meant = nearestName(name, known)
  return meant === null ? '' : `; did you mean ${meant}?`
}

function fromFile (file: unknown, ledger: Ledger): Written[] {
  if (file === null) return []
  if (!isObject(file)) {
    ledger.refuse([], 'must be a table of options')
    return []
  }
  return Object.entries(file).flatMap(([name, input]) => {
    const row = rowOfName(name)
    if (row !== null) return [{ row, path: [name], input, variable: null }]
    ledger.refuse([name], `is not an option of OAuth2 Proxy${suggest(name, NAMES)}`)
    return []
  })
}

function fromEnvironment (environment: NodeJS.ProcessEnv, ledger: Ledger): Written[] {
  return Object.entries(environment).flatMap(([variable, input]) => {
    if (!isVariable(variable) || input === undefined || input === '') return []
    const row = rowOfVariable(variable)
    if (row !== null) return [{ row, path: [variable], input, variable }]
    // OAuth2 Proxy does not look at it either; Kubernetes sets such names for a service called oauth2-proxy.
    ledger.note([variable], `is not an option of OAuth2 Proxy, and has no effect${suggest(variable, VARIABLES)}`)
    return []
  })
}

function fromCommandLine ({ options, problems }: CommandLine, ledger: Ledger): Written[] {
  for (const { argument, message } of problems) ledger.refuse([argument], message)
  return options.flatMap(({ flag, input }) => {
    const row: Row | null = rowOfFlag(flag)
    return row === null ? [] : [{ row, path: [`--${flag}`], input, variable: null }]
  })
}

/** What stands in the YAML stands nowhere else: of a file or a command line OAuth2 Proxy knows it no more, and variables it does not look at. */
function withoutReplaced (written: readonly Written[], ledger: Ledger): Written[] {
  return written.filter(({ row, path, variable }) => {
    const place = ALPHA_PLACES.get(row.name)
    if (place === undefined) return true
    if (variable === null) ledger.refuse(path, `must be left out beside --alpha-config, where it is ${place}`)
    else ledger.exact(path, 'has no effect beside --alpha-config')
    return false
  })
}

const PLACES: ReadonlyMap<string, Path> = new Map([...ALPHA_PLACES].map(([name, place]) => [name, place.replaceAll('[0]', '.0').split('.')]))

const shown = (path: Path): string => path.join('.')

/** Puts the sources together: the command line goes before the environment, and that before the file. */
export function collectSettings ({ file, environment, commandLine }: Sources, ledger: Ledger, alpha: AlphaDocument | null = null): Settings {
  const winners = new Map<string, Written>()
  const usual = [...fromFile(file, ledger), ...fromEnvironment(environment, ledger), ...fromCommandLine(commandLine, ledger)]
  const all = alpha === null ? usual : [...withoutReplaced(usual, ledger), ...alphaSettings({ document: alpha, ledger, rowOf: rowOfName })]
  for (const written of all) {
    const weaker = winners.get(written.row.name)
    if (weaker !== undefined) ledger.exact(weaker.path, `has no effect: ${shown(written.path)} goes before it`)
    winners.set(written.row.name, written)
  }
  return new Settings([...winners.values()].flatMap(({ row, path, input, variable }) => {
    const read = readValue(row.type, input)
    if ('value' in read) return [{ row, path, value: read.value, variable }]
    ledger.refuse(path, read.problem)
    return []
  }), alpha === null ? new Map() : PLACES)
}
