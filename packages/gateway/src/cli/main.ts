import { readFile } from 'node:fs/promises'
import { parseArguments, type ConfigurationSource, type FileCommand, type Invocation } from './arguments.ts'
import { helpText } from './help.ts'
import { reportFailure } from './report.ts'
import type { Terminal } from './terminal.ts'

type Run = (source: ConfigurationSource, terminal: Terminal) => Promise<number>

/** Loaded when they are needed: help does not wait for a server. */
const LOAD: Readonly<Record<FileCommand, () => Promise<Run>>> = {
  start: async () => (await import('./start.ts')).runStart,
  check: async () => (await import('./check.ts')).runCheck,
  import: async () => (await import('./import.ts')).runImport
}

async function readVersion (): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}

/** Code of failures that the person who typed can mend: the file. */
const isUsage = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE'

async function runListing ({ kind, source, format }: Extract<Invocation, { readonly kind: 'doctor' | 'routes' }>, terminal: Terminal): Promise<number> {
  const list = kind === 'doctor' ? (await import('./doctor.ts')).runDoctor : (await import('./routes.ts')).runRoutes
  return await list(source, format, terminal)
}

async function run (invocation: Extract<Invocation, { readonly source: unknown }>, terminal: Terminal): Promise<number> {
  switch (invocation.kind) {
    case 'run': return await (await LOAD[invocation.command]())(invocation.source, terminal)
    case 'doctor':
    case 'routes': return await runListing(invocation, terminal)
    case 'explain': return await (await import('./explain.ts')).runExplain(invocation.source, invocation.request, terminal)
    case 'sessions': return await (await import('./sessions.ts')).runSessions(invocation.source, invocation.request, terminal)
  }
}

/** Runs what was typed. Answers the exit code. */
export async function main (args: readonly string[], terminal: Terminal): Promise<number> {
  const invocation = parseArguments(args)
  switch (invocation.kind) {
    case 'help':
      terminal.out(helpText(invocation.command))
      return 0
    case 'version':
      terminal.out(await readVersion())
      return 0
    case 'misuse':
      terminal.err(`${terminal.style('err', 'red', 'oidc-gateway:')} ${invocation.message}`)
      terminal.err(`Try: oidc-gateway ${invocation.command === null ? '' : `${invocation.command} `}--help`)
      return 2
    case 'run':
    case 'doctor':
    case 'routes':
    case 'explain':
    case 'sessions':
      try {
        return await run(invocation, terminal)
      } catch (error) {
        reportFailure(terminal, error)
        return isUsage(error) ? 2 : 1
      }
  }
}
