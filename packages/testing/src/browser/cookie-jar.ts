import { domainMatches, pathMatches, readSetCookie, type BrowserCookie } from './cookie.ts'

/** Most cookies that a browser keeps for one domain. */
export const MAX_COOKIES_PER_DOMAIN = 180

/** A cookie that a browser would not keep, and why. */
export interface RejectedCookie {
  readonly name: string
  readonly reason: string
}

/** How a request came about: decides about SameSite cookies. */
export interface RequestSite {
  readonly crossSite: boolean
  /** A navigation of the whole page with a safe method: what `SameSite=Lax` lets through. */
  readonly topLevelGet: boolean
}

const SAME_SITE: RequestSite = { crossSite: false, topLevelGet: true }

function isSame (one: BrowserCookie, other: BrowserCookie): boolean {
  return one.name === other.name && one.domain === other.domain && one.path === other.path && one.port === other.port && one.hostOnly === other.hostOnly
}

function passesSite ({ sameSite }: BrowserCookie, { crossSite, topLevelGet }: RequestSite): boolean {
  if (!crossSite || sameSite === 'none') return true
  return sameSite === 'lax' && topLevelGet
}

/** Cookies by host, port and path. Browsers ignore the port; two servers of one test must not meet. */
export class CookieJar {
  readonly rejected: RejectedCookie[] = []
  readonly #nowMs: () => number
  #cookies: readonly BrowserCookie[] = []

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Longest paths first, then the oldest (RFC 6265, section 5.4). */
  cookiesFor (url: URL, site: RequestSite = SAME_SITE): readonly BrowserCookie[] {
    const now = this.#nowMs()
    this.#cookies = this.#cookies.filter(cookie => cookie.expiresAtMs === null || cookie.expiresAtMs > now)
    return this.#cookies
      .filter(cookie => cookie.port === url.port && (cookie.hostOnly ? url.hostname === cookie.domain : domainMatches(url.hostname, cookie.domain)))
      .filter(cookie => pathMatches(url.pathname, cookie.path) && (!cookie.secure || url.protocol === 'https:') && passesSite(cookie, site))
      .sort((one, other) => other.path.length - one.path.length)
  }

  /** @throws FST_OIDC_TESTING_COOKIE_PREFIX when a `__Host-` or `__Secure-` rule is broken */
  store (lines: readonly string[], url: URL): void {
    for (const line of lines) {
      const change = readSetCookie(line, url, this.#nowMs())
      switch (change.kind) {
        case 'rejected': this.rejected.push({ name: change.name, reason: change.reason }); break
        case 'remove': this.#cookies = this.#cookies.filter(cookie => !isSame(cookie, change.cookie)); break
        case 'set': this.#keep(change.cookie)
      }
    }
  }

  /** An update keeps the place, so that age is that of the first one. */
  #keep (cookie: BrowserCookie): void {
    const known = this.#cookies.findIndex(other => isSame(other, cookie))
    this.#cookies = known < 0 ? [...this.#cookies, cookie] : this.#cookies.with(known, cookie)
    const ofDomain = this.#cookies.filter(other => other.domain === cookie.domain && other.port === cookie.port)
    const dropped = new Set(ofDomain.slice(0, Math.max(0, ofDomain.length - MAX_COOKIES_PER_DOMAIN)))
    if (dropped.size > 0) this.#cookies = this.#cookies.filter(other => !dropped.has(other))
  }
}
