import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { TestProvider } from 'fastify-oidc-testing'

/** Starts an example as its README says, against a provider, and answers its origin when it listens. */
export async function startExample (t: Test, name: string, provider: TestProvider, environment: Readonly<Record<string, string>> = {}): Promise<string> {
  return await startProgram(t, fileURLToPath(new URL(`../../examples/${name}/`, import.meta.url)), 'server.js', {
    PORT: '0',
    OIDC_DISCOVERY: provider.discovery,
    OIDC_CLIENT_ID: provider.clientId,
    OIDC_CLIENT_SECRET: provider.clientSecret,
    SESSION_SECRET: 'a secret of more than thirty-two bytes, for examples',
    ...environment
  })
}

/** Starts a program that serves, and answers its origin when it listens. */
export async function startProgram (t: Test, folder: string, file: string, environment: Readonly<Record<string, string>>): Promise<string> {
  const program = spawn(process.execPath, [file], { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { program.kill() })
  let printed = ''
  return await new Promise((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString()
      const found = /listening at (http:\/\/[\w.:]+)/i.exec(printed)?.[1]
      if (found !== undefined) resolve(found)
    }
    program.stdout.on('data', read)
    program.stderr.on('data', read)
    program.once('exit', code => { reject(new Error(`the example ended with ${code}: ${printed}`)) })
  })
}
