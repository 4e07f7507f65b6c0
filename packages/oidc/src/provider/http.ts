import { request } from 'undici'
import { readAnswerBody } from './answer-body.ts'
import { createRoutes, type RoutesOptions } from './routes.ts'

/** What the provider is asked, as openid-client puts it. */
export interface ProviderRequest {
  readonly method?: string
  readonly headers?: RequestInit['headers']
  readonly body?: unknown
  readonly signal?: AbortSignal | null | undefined
}

/** How the provider is reached. */
export interface ProviderHttp {
  /** For openid-client and jose alike: same TLS settings, same bounds on answers and the time until they are whole, no redirects followed. */
  fetch (url: string, init: ProviderRequest): Promise<Response>
  /** Seconds until an answer has to be there as a whole. */
  readonly timeout: number
  close (): Promise<void>
}

/** Some providers turn away who does not say who asks. */
const OWN_HEADERS = { 'accept-encoding': 'identity', 'user-agent': 'fastify-oidc' } as const

/** What undici sends as it is. */
function bodyOf (body: unknown): string | null {
  if (body === undefined || body === null || typeof body === 'string') return body ?? null
  if (body instanceof URLSearchParams) return body.toString()
  throw new TypeError('a body for the provider is a text or a form')
}

function headersOf (received: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const headers = new Headers()
  for (const [name, values = []] of Object.entries(received)) {
    // They describe the body as it was on its way.
    if (name === 'content-encoding' || name === 'content-length') continue
    for (const value of [values].flat()) headers.append(name, value)
  }
  return headers
}

const hasNoBody = (status: number): boolean => status === 204 || status === 205 || status === 304

/** Not by fetch, whose streams and signals take more memory and time than all the rest of a login. */
export function createProviderHttp (options: RoutesOptions): ProviderHttp {
  const { timeout } = options
  const routes = createRoutes(options)

  async function ask (url: string, { method = 'GET', headers, body }: ProviderRequest, signal: AbortSignal): Promise<Response> {
    const { dispatcher, addressed } = routes.routeTo(url)
    const answer = await request(url, {
      dispatcher,
      method: method as 'GET',
      headers: addressed({ ...OWN_HEADERS, ...Object.fromEntries(new Headers(headers)) }),
      body: bodyOf(body),
      signal
    })
    const read = await readAnswerBody(answer.body, answer.headers['content-encoding'])
    return new Response(hasNoBody(answer.statusCode) ? null : read, { status: answer.statusCode, headers: headersOf(answer.headers) })
  }

  return {
    timeout,
    async fetch (url, init) {
      const deadline = new AbortController()
      const timer = setTimeout(() => { deadline.abort(new DOMException(`timed out: no whole answer within ${timeout} s`, 'TimeoutError')) }, timeout * 1000)
      try {
        return await ask(url, init, init.signal == null ? deadline.signal : AbortSignal.any([deadline.signal, init.signal]))
      } finally {
        clearTimeout(timer)
      }
    },
    close: routes.close
  }
}
