import { examine, type Examination } from '../doctor/examine.ts'
import type { Finding } from '../doctor/finding.ts'
import type { ConfigurationSource } from './arguments.ts'
import { loadForCommand } from './load.ts'
import { printable } from './session-listing.ts'
import type { Style, Terminal } from './terminal.ts'

type Verdict = Finding['verdict']

const MARKS: Readonly<Record<Verdict, readonly [text: string, style: Style]>> = { ok: ['ok  ', 'green'], warn: ['warn', 'yellow'], fail: ['FAIL', 'red'] }
const QUIET_MS = 1000
const CHECK_WIDTH = 22

function writeLine (terminal: Terminal, { verdict, check, what, remedy }: Finding): void {
  const [text, style] = MARKS[verdict]
  terminal.out(`${terminal.style('out', style, text)}  ${check.padEnd(CHECK_WIDTH)} ${printable(what)}${remedy === null ? '' : `  — ${printable(remedy)}`}`)
}

function writeText (terminal: Terminal, { patient, findings }: Examination): void {
  if (patient !== null) terminal.out(`\n${terminal.style('out', 'bold', printable(`${patient.routes.join(', ')}: client ${patient.clientId} at ${patient.discovery}`))}`)
  for (const finding of findings) writeLine(terminal, finding)
}

function writeJson (terminal: Terminal, { patient, findings }: Examination): void {
  for (const { verdict, check, what, remedy } of findings) {
    terminal.out(printable(JSON.stringify({ verdict, check, what, remedy, routes: patient?.routes ?? null, client_id: patient?.clientId ?? null })))
  }
}

/** Says on a terminal, from the first second on, that somebody is being waited for. */
async function withProgress<T> (terminal: Terminal, work: Promise<T>): Promise<T> {
  const timer = setTimeout(() => { terminal.progress('asking the provider …') }, QUIET_MS)
  try {
    return await work
  } finally {
    clearTimeout(timer)
    terminal.progress(null)
  }
}

/** `oidc-gateway doctor`. Answers the exit code. */
export async function runDoctor (source: ConfigurationSource, format: 'text' | 'json', terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  const counts: Record<Verdict, number> = { ok: 0, warn: 0, fail: 0 }
  const examinations = examine(configuration)[Symbol.asyncIterator]()
  for (;;) {
    const { done, value } = await withProgress(terminal, examinations.next())
    if (done === true) break
    for (const { verdict } of value.findings) counts[verdict]++
    if (format === 'json') writeJson(terminal, value)
    else writeText(terminal, value)
    await terminal.flushed()
  }
  if (format === 'text') terminal.out(`\n${counts.ok} ok, ${counts.warn} to look at, ${counts.fail} failed`)
  return counts.fail === 0 ? 0 : 1
}
