import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { until, type Owner } from '../redis-process.ts'

// One second where nothing else runs.
const START_MS = 60_000

/** A program in a process of its own. */
export interface Process {
  /** What it logged, at `warn` and above. */
  readonly log: ReadonlyArray<Readonly<Record<string, unknown>>>
  /** It stops at once, in whatever it is doing: SIGKILL. */
  kill (): Promise<void>
}

function readLine (line: string): Record<string, unknown> {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return { level: 60, msg: line }
  }
}

async function answers (url: string): Promise<boolean> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.status === 200
}

/**
 * Starts a compiled program that reads its configuration from a JSON file, and waits until an address answers 200.
 * @param args before the name of the file
 */
export async function startProcess (owner: Owner, args: readonly string[], configuration: unknown, readyUrl: string): Promise<Process> {
  const folder = await mkdtemp(join(tmpdir(), 'oidc-node-'))
  const file = join(folder, 'configuration.json')
  await writeFile(file, JSON.stringify(configuration))
  const child = spawn(process.execPath, [...args, file], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } })
  const exited = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
  }
  owner.teardown(async () => {
    await kill()
    await rm(folder, { recursive: true, force: true })
  })
  const log: Array<Record<string, unknown>> = []
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', line => { log.push(readLine(line)) })
  const ended = exited.then(() => { throw new Error(`${args.join(' ')} ended before it was ready:\n${log.map(line => JSON.stringify(line)).join('\n')}`) })
  await Promise.race([until(readyUrl, () => answers(readyUrl), START_MS), ended])
  ended.catch(() => {})
  return { log, kill }
}
