import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { main } from '../../packages/gateway/src/cli/main.ts'
import { createTerminal } from '../../packages/gateway/src/cli/terminal.ts'

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

/** The same in this process, which is quicker: for what it says, not for signals, descriptors and colours. */
export async function runCommand (args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const said = { out: '', err: '' }
  const collect = (name: 'out' | 'err'): Writable => new Writable({
    write (chunk, _encoding, done) {
      said[name] += String(chunk)
      done()
    }
  })
  const code = await main(args, createTerminal({ stdin: new PassThrough(), stdout: collect('out'), stderr: collect('err') }, environment))
  return { code, ...said }
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
