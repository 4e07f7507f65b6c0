import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { ExplainedCaller } from 'fastify-oidc'
import { concealIn } from '../configuration/conceal.ts'
import { dryRun, type DryRequest, type DryRun } from '../explain/dry-run.ts'
import type { ConfigurationSource } from './arguments.ts'
import type { ExplainCaller, ExplainRequest } from './explain-arguments.ts'
import { loadForCommand } from './load.ts'
import { printable } from './session-listing.ts'
import type { Terminal } from './terminal.ts'

const MAX_LENGTH = 1024 * 1024

type Read = { readonly kind: 'caller', readonly caller: ExplainedCaller } | { readonly kind: 'problem', readonly message: string }

const problem = (message: string): Read => ({ kind: 'problem', message })

async function readInput (file: string): Promise<string> {
  return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
}

function parseClaims (content: string): Read {
  let claims: unknown
  try {
    claims = JSON.parse(content)
  } catch {
    claims = null
  }
  if (claims === null || typeof claims !== 'object' || Array.isArray(claims)) return problem('--claims must name a file of JSON: the claims of a token, an object')
  return { kind: 'caller', caller: { kind: 'claims', claims: claims as Record<string, unknown> } }
}

async function readCaller (caller: ExplainCaller): Promise<Read> {
  if (caller === null) return { kind: 'caller', caller }
  if (caller.kind === 'token') return { kind: 'caller', caller }
  let content: string
  try {
    content = await readInput(caller.file)
  } catch (error) {
    return problem(`--${caller.kind} names a file that cannot be read (${String((error as { code?: unknown }).code)})`)
  }
  if (content.length > MAX_LENGTH) return problem(`--${caller.kind} names a file that is too large`)
  if (caller.kind === 'claims') return parseClaims(content)
  const token = content.trim()
  return token === '' ? problem('--token-file names a file that is empty') : { kind: 'caller', caller: { kind: 'token', token } }
}

function describeCaller (caller: ExplainedCaller, { explanation: { via } }: DryRun): string {
  if (caller === null) return 'nobody'
  if (caller.kind === 'token') return via === null ? 'a bearer token' : 'a bearer token, verified'
  return `claims, NOT verified: signature, issuer and expiry were not looked at${via === null ? '' : `; judged as a ${via === 'bearer' ? 'bearer token' : 'session'}`}`
}

/** What the file or the caller has written, and not words of ours: those stay, whatever a reference has for its value. */
function concealRun ({ route, explanation }: DryRun, conceal: (text: string) => string): DryRun {
  const { reason, required, refusal } = explanation
  return {
    route,
    explanation: {
      ...explanation,
      reason: conceal(reason),
      required: required.map(([option, wanted]) => [option, conceal(wanted)]),
      refusal: refusal === null ? null : { ...refusal, ...concealIn({ names: refusal.names, found: refusal.found, detail: refusal.detail }, conceal) }
    }
  }
}

function writeText (terminal: Terminal, { method, host, url }: DryRequest, run: DryRun, caller: ExplainedCaller): void {
  const { route, explanation: { verdict, status, code, reason, required } } = run
  const row = (name: string, value: string): void => { terminal.out(`${terminal.style('out', 'bold', name.padEnd(9))}${printable(value)}`) }
  row('request', `${method} ${host}${url}`)
  row('route', route ?? 'none')
  for (const [index, [option, wanted]] of required.entries()) row(index === 0 ? 'requires' : '', `${option}: ${wanted}`)
  row('caller', describeCaller(caller, run))
  const answer = verdict === 'pass' ? terminal.style('out', 'green', 'passes') : terminal.style('out', 'red', `refused: ${[status, code].filter(part => part !== null).join(' ')}`)
  terminal.out(`${terminal.style('out', 'bold', 'verdict'.padEnd(9))}${answer}`)
  row('because', reason)
}

function toJson ({ method, host, url }: DryRequest, { route, explanation }: DryRun, caller: ExplainedCaller): string {
  const { verdict, status, code, reason, required, refusal, via } = explanation
  return JSON.stringify({ method, host, url, route, verdict, status, code, reason, required: Object.fromEntries(required), refusal, via, verified: caller?.kind === 'token' && via !== null })
}

/** `oidc-gateway explain`. Answers the exit code: 0 where the request would pass, 1 where not. */
export async function runExplain (source: ConfigurationSource, request: ExplainRequest, terminal: Terminal): Promise<number> {
  const configuration = await loadForCommand(source, terminal)
  if (configuration === null) return 2
  const read = await readCaller(request.caller)
  if (read.kind === 'problem') {
    terminal.err(`${terminal.style('err', 'red', 'oidc-gateway:')} ${read.message}`)
    return 2
  }
  const run = concealRun(await dryRun(configuration, request, read.caller), configuration.conceal)
  const { method, host, url, format } = request
  const shown = { method, ...concealIn({ host, url }, configuration.conceal) }
  if (format === 'json') terminal.out(printable(toJson(shown, run, read.caller)))
  else writeText(terminal, shown, run, read.caller)
  return run.explanation.verdict === 'pass' ? 0 : 1
}
