import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch } from 'undici'
import type { SecretManager } from './secret-managers.ts'

/** What a Vault did not do, without a word of what it said: that may be a secret. */
export class VaultFault extends Error {
  override readonly name = 'VaultFault'
}

export interface VaultAnswer {
  readonly status: number
  /** Empty where it was no JSON object. */
  readonly body: Readonly<Record<string, unknown>>
}

export interface VaultRequest {
  /** Segments below `/v1`. */
  readonly path: readonly string[]
  readonly token: string | null
  /** null: a GET. */
  readonly body: Readonly<Record<string, string>> | null
}

export interface VaultHttp {
  /** @rejects VaultFault */
  ask (request: VaultRequest): Promise<VaultAnswer>
  close (): Promise<void>
}

const MAX_BYTES = 1024 * 1024
const CONNECTIONS = 4
/** Before each attempt. */
const WAITS_MS = [0, 200, 800]
/** A node that is not there yet, or not any more; 412 and 429 as Vault has them. */
const AGAIN = new Set([412, 429, 500, 502, 503, 504])
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL/

async function readBounded (body: AsyncIterable<Uint8Array> | null): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > MAX_BYTES) throw new VaultFault(`sent more than ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parse (text: string): VaultAnswer['body'] {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value) ? value as VaultAnswer['body'] : {}
  } catch {
    return {}
  }
}

/** Only the code: messages of the network's libraries may quote what was sent. */
function codeOf (error: unknown): string {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    const { code } = current as { code?: unknown }
    if (typeof code === 'string') return code
  }
  return 'connection failed'
}

function toFault (error: unknown, isLate: boolean, timeout: number): VaultFault {
  if (error instanceof VaultFault) return error
  if (isLate) return new VaultFault(`did not answer within ${timeout} s: check that it is up, or raise its timeout`)
  const code = codeOf(error)
  return new VaultFault(CERTIFICATE.test(code) ? `has a certificate that is not accepted (${code}): set its ca` : `cannot be reached (${code}): check its uri`)
}

/** Speaks to a Vault: within the time, a bounded number of times, without following redirects. */
export function createVaultHttp ({ uri, namespace, ssl_verify: verify, ca, timeout }: SecretManager): VaultHttp {
  const dispatcher = new Agent({ connections: CONNECTIONS, connect: { rejectUnauthorized: verify, ...ca === undefined ? {} : { ca: ca.replaceAll('\\n', '\n') } } })
  const base = `${uri.replace(/\/+$/, '')}/v1/`
  let deadline: AbortSignal | null = null

  async function askOnce ({ path, token, body }: VaultRequest, signal: AbortSignal): Promise<VaultAnswer> {
    const answer = await fetch(base + path.map(encodeURIComponent).join('/'), {
      method: body === null ? 'GET' : 'POST',
      headers: {
        accept: 'application/json',
        'x-vault-request': 'true',
        ...namespace === undefined ? {} : { 'x-vault-namespace': namespace },
        ...token === null ? {} : { 'x-vault-token': token },
        ...body === null ? {} : { 'content-type': 'application/json' }
      },
      body: body === null ? null : JSON.stringify(body),
      signal,
      redirect: 'manual',
      dispatcher
    })
    return { status: answer.status, body: parse(await readBounded(answer.body)) }
  }

  async function ask (request: VaultRequest): Promise<VaultAnswer> {
    const signal = deadline ??= AbortSignal.timeout(timeout * 1000)
    let last: { readonly answer: VaultAnswer } | { readonly fault: VaultFault } | null = null
    for (const wait of WAITS_MS) {
      try {
        if (wait > 0) await sleep(wait, undefined, { signal })
        const answer = await askOnce(request, signal)
        if (!AGAIN.has(answer.status)) return answer
        last = { answer }
      } catch (error) {
        if (signal.aborted && last !== null) break
        last = { fault: toFault(error, signal.aborted, timeout) }
        if (signal.aborted || error instanceof VaultFault || CERTIFICATE.test(codeOf(error))) break
      }
    }
    if (last === null || 'fault' in last) throw last?.fault ?? new VaultFault('was not asked')
    return last.answer
  }

  return { ask, close: async () => { await dispatcher.destroy() } }
}
