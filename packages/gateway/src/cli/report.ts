import { formatPath, formatProblem } from 'fastify-oidc-session-store'
import type { ConfigurationProblem } from '../configuration/problems.ts'
import type { ReportLine } from '../importers/foreign-file.ts'
import type { Terminal } from './terminal.ts'

/** What a configuration is called where it came from no file. */
export const nameOf = (file: string | null): string => file ?? 'oauth2-proxy'

function placeOf ({ position }: Pick<ConfigurationProblem, 'position'>, file: string): string {
  return position === null ? file : `${position.file ?? file}:${position.line}:${position.column}`
}

/** Every problem of a file, for a person. */
export function reportProblems (terminal: Terminal, file: string, problems: readonly ConfigurationProblem[]): void {
  for (const problem of problems) {
    terminal.err(`${terminal.style('err', 'bold', placeOf(problem, file))}  ${formatProblem(problem)}`)
  }
  terminal.err(terminal.style('err', 'red', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in ${file}`))
}

/** What a foreign file means here where it is not the same; what is refused is told as a problem. */
export function reportImport (terminal: Terminal, file: string, report: readonly ReportLine[]): void {
  for (const line of report) {
    if (line.message === null || line.verdict === 'refused') continue
    const subject = line.path.length === 0 ? 'the file' : formatPath(line.path)
    const about = line.verdict === 'note' && line.path.length > 0 ? `${subject}: ${line.message}` : `${subject} ${line.message}`
    terminal.err(`${terminal.style('err', 'bold', placeOf(line, file))}  ${line.verdict}  ${about}`)
  }
  if (report.length === 0) return
  const amounts = (['exact', 'approximated', 'refused'] as const).map(verdict => `${report.filter(line => line.verdict === verdict).length} ${verdict}`)
  terminal.err(`${file}: ${amounts.join(', ')}`)
}

/** What kept a command from running. */
export function reportFailure (terminal: Terminal, error: unknown): void {
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
  terminal.err(`${terminal.style('err', 'red', 'oidc-gateway:')} ${error instanceof Error ? error.message : String(error)}${cause}`)
}

/** Columns as wide as what stands in them. */
export function formatTable (rows: ReadonlyArray<readonly string[]>): string[] {
  const widths = rows.reduce<number[]>((known, row) => row.map((cell, index) => Math.max(known[index] ?? 0, cell.length)), [])
  return rows.map(row => row.map((cell, index) => index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)).join('  '))
}
