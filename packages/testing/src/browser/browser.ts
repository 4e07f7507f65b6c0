import type { FastifyInstance } from 'fastify'
import { TooManyRedirectsError } from '../errors.ts'
import type { BrowserCookie } from './cookie.ts'
import { CookieJar, type RejectedCookie } from './cookie-jar.ts'
import { findForm } from './form.ts'
import { fetchSite, isSameSite } from './site.ts'
import { injectTransport, networkTransport, type Transport } from './transport.ts'

const MAX_REDIRECTS = 20

export interface BrowserOptions {
  /** The clock that cookies expire by, in milliseconds since 1970. Default: the system's. */
  readonly nowMs?: () => number
  /** Certificate of an authority to trust over https, as PEM. */
  readonly ca?: string | Buffer
}

/** One request. */
export interface BrowserRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as a form when it is URLSearchParams. */
  readonly body?: string | URLSearchParams
  /** Follow redirects. Default true. */
  readonly follow?: boolean
  /** The page whose link, form or script asks. Default: none, an address that was typed. */
  readonly from?: string | URL
  /** May change where a redirect leads. */
  readonly onRedirect?: (to: URL, from: URL) => URL
}

/** One step of a chain of redirects. */
export interface Hop {
  readonly method: string
  readonly url: URL
  readonly status: number
}

/** What a request came to. */
export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** Where it redirects to, when redirects are not followed. */
  readonly location: URL | null
  /** Every request on the way, this one last. */
  readonly history: readonly Hop[]
}

type Kind = 'navigation' | 'fetch'

interface Step {
  readonly kind: Kind
  readonly method: string
  readonly body: string | null
  readonly headers: Readonly<Record<string, string>>
  readonly initiator: URL | null
  readonly chain: readonly URL[]
}

/**
 * A browser without a window: cookies, redirects and forms, but no scripts.
 *
 * It keeps the rules that cookies of logins depend on: host, port and path, `Max-Age` and `Expires`, `Secure`, `SameSite`,
 * the `__Host-` and `__Secure-` prefixes (a broken one throws), 4096 bytes a cookie and 180 cookies a domain.
 * Unlike browsers, it keeps the cookies of two ports apart and has no exception for `Secure` on localhost.
 */
export class Browser {
  readonly #jar: CookieJar
  readonly #network: Transport
  readonly #apps = new Map<string, Transport>()

  constructor (options: BrowserOptions = {}) {
    this.#jar = new CookieJar(options.nowMs ?? Date.now)
    this.#network = networkTransport(options.ca)
  }

  /** Cookies that were refused, and why. */
  get rejected (): readonly RejectedCookie[] {
    return this.#jar.rejected
  }

  /** Answers this origin by `app.inject()` from now on; everything else goes over the network. */
  route (origin: string, app: FastifyInstance): this {
    this.#apps.set(new URL(origin).origin, injectTransport(app))
    return this
  }

  /** The cookies that a navigation to this address carries. */
  cookies (url: string | URL): readonly BrowserCookie[] {
    return this.#jar.cookiesFor(new URL(url))
  }

  /** The same as a `Cookie` header; empty when there are none. */
  cookieHeader (url: string | URL): string {
    return this.cookies(url).map(({ name, value }) => `${name}=${value}`).join('; ')
  }

  /** Takes cookies as if this address had set them: lines of `Set-Cookie`. */
  setCookies (url: string | URL, lines: readonly string[]): void {
    this.#jar.store(lines, new URL(url))
  }

  /**
   * Goes to an address, as by typing it or (`from`) by a link.
   * @rejects FST_OIDC_TESTING_REDIRECTS, FST_OIDC_TESTING_COOKIE_PREFIX
   */
  async navigate (url: string | URL, request: BrowserRequest = {}): Promise<Page> {
    return await this.#run('navigation', new URL(url), request)
  }

  /** What a script of the page `from` (default: a page of the same origin) gets from `fetch()`. */
  async fetch (url: string | URL, request: BrowserRequest = {}): Promise<Page> {
    const target = new URL(url)
    return await this.#run('fetch', target, { from: target.origin, ...request })
  }

  /**
   * Sends a form of a page: what its inputs hold, and over it the given values.
   * @rejects FST_OIDC_TESTING_NO_FORM
   */
  async submit (page: Page, values: Readonly<Record<string, string>> = {}, request: BrowserRequest & { readonly form?: number } = {}): Promise<Page> {
    const form = findForm(page.body, request.form ?? 0, `${page.status} ${page.url.origin}${page.url.pathname}`)
    const fields = new URLSearchParams([...form.fields])
    for (const [name, value] of Object.entries(values)) fields.set(name, value)
    const action = new URL(form.action === '' ? page.url : form.action, page.url)
    if (form.method === 'POST') return await this.navigate(action, { from: page.url, ...request, method: 'POST', body: fields })
    action.search = fields.toString()
    return await this.navigate(action, { from: page.url, ...request })
  }

  async #run (kind: Kind, target: URL, request: BrowserRequest): Promise<Page> {
    let url = target
    let method = request.method ?? 'GET'
    let body = request.body === undefined ? null : String(request.body)
    const form: Record<string, string> = request.body instanceof URLSearchParams ? { 'content-type': 'application/x-www-form-urlencoded' } : {}
    const initiator = request.from === undefined ? null : new URL(request.from)
    const history: Hop[] = []
    while (history.length <= MAX_REDIRECTS) {
      const headers = body === null ? request.headers : { ...form, ...request.headers }
      const { status, headers: answered, body: text } = await this.#send(url, { kind, method, body, headers: headers ?? {}, initiator, chain: [...history.map(hop => hop.url), url] })
      history.push({ method, url, status })
      const location = redirectTarget(status, answered, url)
      if (location === null || request.follow === false) return { url, status, headers: answered, body: text, location, history }
      url = request.onRedirect?.(location, url) ?? location
      if (status !== 307 && status !== 308 && method !== 'HEAD') { method = 'GET'; body = null }
    }
    throw new TooManyRedirectsError(describeHops(history))
  }

  async #send (url: URL, { kind, method, body, headers, initiator, chain }: Step): ReturnType<Transport> {
    const crossSite = initiator !== null && !isSameSite(initiator, url)
    const topLevelGet = kind === 'navigation' && /^(GET|HEAD)$/.test(method)
    const cookie = this.#jar.cookiesFor(url, { crossSite, topLevelGet }).map(({ name, value }) => `${name}=${value}`).join('; ')
    const transport = this.#apps.get(url.origin) ?? this.#network
    const response = await transport({
      method,
      url,
      body,
      headers: {
        ...(kind === 'navigation'
          ? { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1' }
          : { accept: '*/*', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }),
        'sec-fetch-site': fetchSite(initiator, chain),
        ...(method === 'GET' || method === 'HEAD' ? {} : { origin: initiator?.origin ?? 'null' }),
        ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        ...(cookie === '' ? {} : { cookie }),
        ...headers
      }
    })
    this.#jar.store(response.headers.getSetCookie(), url)
    return response
  }
}

function redirectTarget (status: number, headers: Headers, url: URL): URL | null {
  const location = headers.get('location')
  return location !== null && [301, 302, 303, 307, 308].includes(status) && URL.canParse(location, url.href) ? new URL(location, url) : null
}

/** For messages: without query strings, which carry codes and states. */
export function describeHops (history: readonly Hop[]): string {
  return history.map(({ method, url, status }) => `${method} ${url.origin}${url.pathname} ${status}`).join(', ')
}
