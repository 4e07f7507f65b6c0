import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { TestProvider } from 'fastify-oidc-testing'

/** A program that serves. */
export interface RunningProgram {
  readonly origin: string
  /** Ends it by a signal and answers its exit code; null: the signal ended it. */
  stop (signal: NodeJS.Signals): Promise<number | null>
}

/** The folder of an example. */
export function exampleFolder (name: string): string {
  return fileURLToPath(new URL(`../../examples/${name}/`, import.meta.url))
}

/** What an example reads of its environment, for a provider. */
export function exampleEnvironment (provider: TestProvider): Readonly<Record<string, string>> {
  return {
    PORT: '0',
    OIDC_DISCOVERY: provider.discovery,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    SESSION_SECRET: 'a secret of more than thirty-two bytes, for examples'
  }
}

/** Starts an example as its README says, against a provider, and answers its origin when it listens. */
export async function startExample (t: Test, name: string, provider: TestProvider, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  return await startProgram(t, exampleFolder(name), 'server.js', { ...exampleEnvironment(provider), ...environment })
}

/** Starts a program that serves, and answers its origin when it listens. */
export async function startProgram (t: Test, folder: string, file: string, environment: Readonly<Record<string, string>>): Promise<string> {
  return (await runProgram(t, folder, file, environment)).origin
}

/** Starts a program that serves; resolves when it listens. */
export async function runProgram (t: Test, folder: string, file: string, environment: Readonly<Record<string, string>>): Promise<RunningProgram> {
  const program = spawn(process.execPath, [file], { cwd: folder, env: { ...process.env, NODE_OPTIONS: '', ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(program, 'exit')
  t.teardown(() => { program.kill('SIGKILL') })
  let printed = ''
  const origin = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString()
      const found = /listening at (http:\/\/[\w.:]+)/i.exec(printed)?.[1]
      if (found !== undefined) resolve(found)
    }
    program.stdout.on('data', read)
    program.stderr.on('data', read)
    program.once('exit', code => { reject(new Error(`the example ended with ${code}: ${printed}`)) })
  })
  return {
    origin,
    async stop (signal) {
      program.kill(signal)
      const [code] = await ended as [number | null]
      return code
    }
  }
}
