import { Agent, fetch as undiciFetch } from 'undici'

/** What a provider may send at the most: more is not metadata, keys or tokens. */
const MAX_BODY_BYTES = 1024 * 1024

/** How the provider is reached. */
export interface ProviderHttp {
  /** For openid-client and jose alike: same TLS settings, same bound on answers, no redirects followed. */
  fetch (url: string, init: RequestInit): Promise<Response>
  readonly timeout: number
  close (): Promise<void>
}

export interface ProviderHttpOptions {
  /** Seconds. */
  readonly timeout: number
  readonly sslVerify: boolean
}

async function readBounded (body: AsyncIterable<Uint8Array> | null): Promise<Buffer<ArrayBuffer> | null> {
  if (body === null) return null
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    size += chunk.byteLength
    if (size > MAX_BODY_BYTES) throw new Error(`the answer is larger than ${MAX_BODY_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** undici decodes a body and leaves the header that announces it. */
function describeBody (headers: Iterable<[string, string]>): Headers {
  const kept = new Headers([...headers])
  kept.delete('content-encoding')
  kept.delete('content-length')
  return kept
}

const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/** An agent of its own per instance: nothing here changes TLS or proxies for the rest of the process. */
export function createProviderHttp ({ timeout, sslVerify }: ProviderHttpOptions): ProviderHttp {
  const agent = new Agent({
    connections: 16,
    connect: { rejectUnauthorized: sslVerify, timeout: timeout * 1000 },
    headersTimeout: timeout * 1000,
    bodyTimeout: timeout * 1000
  })
  return {
    timeout,
    async fetch (url, init) {
      const signal = AbortSignal.any([AbortSignal.timeout(timeout * 1000), ...(init.signal == null ? [] : [init.signal])])
      const answer = await undiciFetch(url, { ...init, signal, redirect: 'manual', dispatcher: agent } as Parameters<typeof undiciFetch>[1])
      const body = await readBounded(answer.body as AsyncIterable<Uint8Array> | null)
      return new Response(hasNoBody(answer.status) ? null : body, { status: answer.status, headers: describeBody(answer.headers) })
    },
    close: async () => { await agent.destroy() }
  }
}
