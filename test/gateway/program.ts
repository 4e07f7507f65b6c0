import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

interface Tap { teardown (handler: () => unknown): void }

/** What came of a command. */
export interface Outcome { readonly code: number | null, readonly out: string, readonly err: string }

const PROGRAM = fileURLToPath(new URL('../../packages/gateway/dist/bin/oidc-gateway.js', import.meta.url))

/** Starts `oidc-gateway` in a process of its own, with no environment but this. */
export function spawnProgram (t: Tap, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH: process.env.PATH, ...environment } })
  t.teardown(() => { child.kill('SIGKILL') })
  return child
}

export async function readText (stream: AsyncIterable<unknown>): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += String(chunk)
  return all
}

/** The same until it ends; nothing is typed. */
export async function runProgram (t: Tap, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const child = spawnProgram(t, args, environment)
  child.stdin.end()
  const [[code], out, err] = await Promise.all([once(child, 'exit') as Promise<[number | null]>, readText(child.stdout), readText(child.stderr)])
  return { code, out, err }
}

/** What it says until it listens, or ends. */
export async function untilListening ({ stdout }: Pick<ChildProcessWithoutNullStreams, 'stdout'>): Promise<string> {
  let said = ''
  for await (const chunk of stdout) {
    said += String(chunk)
    if (said.includes('listening at')) break
  }
  return said
}
