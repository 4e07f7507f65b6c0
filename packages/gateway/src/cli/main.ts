import { readFile } from 'node:fs/promises'
import { parseArguments, type Command } from './arguments.ts'
import { runCheck } from './check.ts'
import { helpText } from './help.ts'
import { reportFailure } from './report.ts'
import { runRoutes } from './routes.ts'
import { runStart } from './start.ts'
import type { Terminal } from './terminal.ts'

const RUN: Readonly<Record<Command, (file: string, terminal: Terminal) => Promise<number>>> = { start: runStart, check: runCheck, routes: runRoutes }

async function readVersion (): Promise<string> {
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  return manifest.version
}

/** Code of failures that the person who typed can mend: the file. */
const isUsage = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'FST_OIDC_GATEWAY_CONFIGURATION_UNREADABLE'

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
      try {
        return await RUN[invocation.command](invocation.file, terminal)
      } catch (error) {
        reportFailure(terminal, error)
        return isUsage(error) ? 2 : 1
      }
  }
}
