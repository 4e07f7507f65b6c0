import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { OptionProblem } from 'fastify-oidc-session-store'
import { problemAt } from './problems.ts'

/** What the listener shows, in PEM. */
export interface TlsMaterial {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

interface TlsOptions {
  readonly cert: string
  readonly key: string
  readonly min_version: TlsMaterial['minVersion']
}

type Read = { readonly kind: 'text', readonly text: string } | { readonly kind: 'problem', readonly problem: OptionProblem }

const codeOf = (error: unknown): string => error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'

async function readPem (name: 'cert' | 'key', value: string, directory: string): Promise<Read> {
  if (value.includes('-----BEGIN')) return { kind: 'text', text: value.replaceAll('\\n', '\n') }
  try {
    return { kind: 'text', text: await readFile(resolve(directory, value), 'utf8') }
  } catch (error) {
    return { kind: 'problem', problem: problemAt(['listen', 'tls', name], `names a file that cannot be read (${codeOf(error)})`) }
  }
}

/** Reads certificate and key, and sees whether they belong together. */
export async function readTls ({ cert, key, min_version: minVersion }: TlsOptions, directory: string): Promise<{ readonly tls: TlsMaterial | null, readonly problems: readonly OptionProblem[] }> {
  const [certificate, privateKey] = await Promise.all([readPem('cert', cert, directory), readPem('key', key, directory)])
  if (certificate.kind === 'problem' || privateKey.kind === 'problem') {
    return { tls: null, problems: [certificate, privateKey].flatMap(read => read.kind === 'problem' ? [read.problem] : []) }
  }
  const tls = { cert: certificate.text, key: privateKey.text, minVersion }
  try {
    createSecureContext(tls)
    return { tls, problems: [] }
  } catch (error) {
    return { tls: null, problems: [problemAt(['listen', 'tls'], `does not hold: cert and key must be PEM and belong together (${codeOf(error)})`)] }
  }
}
