import { fetch as undiciFetch } from 'undici'
import { createRoutes, type RoutesOptions } from './routes.ts'

/** What a provider may send at the most: more is not metadata, keys or tokens. */
const MAX_BODY_BYTES = 1024 * 1024

/** How the provider is reached. */
export interface ProviderHttp {
  /** For openid-client and jose alike: same TLS settings, same bound on answers, no redirects followed. */
  fetch (url: string, init: RequestInit): Promise<Response>
  readonly timeout: number
  close (): Promise<void>
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

export function createProviderHttp (options: RoutesOptions): ProviderHttp {
  const { timeout } = options
  const routes = createRoutes(options)
  return {
    timeout,
    async fetch (url, init) {
      const signal = AbortSignal.any([AbortSignal.timeout(timeout * 1000), ...(init.signal == null ? [] : [init.signal])])
      const { dispatcher, addressed } = routes.routeTo(url)
      const headers = [...addressed(new Headers(init.headers))]
      const answer = await undiciFetch(url, { ...init, headers, signal, redirect: 'manual', dispatcher } as Parameters<typeof undiciFetch>[1])
      const body = await readBounded(answer.body as AsyncIterable<Uint8Array> | null)
      return new Response(hasNoBody(answer.status) ? null : body, { status: answer.status, headers: describeBody(answer.headers) })
    },
    close: routes.close
  }
}
