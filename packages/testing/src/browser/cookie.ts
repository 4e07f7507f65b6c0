import { isIP } from 'node:net'
import { CookiePrefixError } from '../errors.ts'

/** Longest name and value together that browsers take, in bytes. */
export const MAX_COOKIE_BYTES = 4096

export interface BrowserCookie {
  readonly name: string
  readonly value: string
  readonly domain: string
  /** Sent to `domain` itself and not to its subdomains. */
  readonly hostOnly: boolean
  readonly port: string
  readonly path: string
  readonly secure: boolean
  readonly httpOnly: boolean
  readonly sameSite: 'strict' | 'lax' | 'none'
  /** null: until the browser closes. */
  readonly expiresAtMs: number | null
}

/** What a `Set-Cookie` line asks for. */
export type CookieChange =
  | { readonly kind: 'set', readonly cookie: BrowserCookie }
  | { readonly kind: 'remove', readonly cookie: BrowserCookie }
  | { readonly kind: 'rejected', readonly name: string, readonly reason: string }

function attributesOf (parts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(parts.map(part => {
    const equals = part.indexOf('=')
    return equals < 0 ? [part.trim().toLowerCase(), ''] : [part.slice(0, equals).trim().toLowerCase(), part.slice(equals + 1).trim()]
  }))
}

/** RFC 6265, section 5.1.4. */
function defaultPath (pathname: string): string {
  const end = pathname.lastIndexOf('/')
  return end <= 0 ? '/' : pathname.slice(0, end)
}

/** RFC 6265, section 5.1.3. */
export function domainMatches (hostname: string, domain: string): boolean {
  return hostname === domain || (isIP(hostname) === 0 && hostname.endsWith(`.${domain}`))
}

/** RFC 6265, section 5.1.4. */
export function pathMatches (pathname: string, path: string): boolean {
  return pathname === path || (pathname.startsWith(path) && (path.endsWith('/') || pathname[path.length] === '/'))
}

/** `Max-Age` wins over `Expires`. */
function expiry (attributes: ReadonlyMap<string, string>, nowMs: number): number | null {
  const maxAge = attributes.get('max-age')
  if (maxAge !== undefined && /^-?\d+$/.test(maxAge)) return Number(maxAge) <= 0 ? -Infinity : nowMs + Number(maxAge) * 1000
  const expires = Date.parse(attributes.get('expires') ?? '')
  return Number.isNaN(expires) ? null : expires
}

function sameSite (attributes: ReadonlyMap<string, string>): BrowserCookie['sameSite'] {
  const value = attributes.get('samesite')?.toLowerCase()
  return value === 'strict' || value === 'none' ? value : 'lax'
}

function checkPrefix (cookie: BrowserCookie, line: string): void {
  const { name, secure, hostOnly, path } = cookie
  const attributes = line.slice(line.indexOf(';') + 1).trim()
  if (/^__(host|secure)-/i.test(name) && !secure) throw new CookiePrefixError(`${name} without Secure, or not over https (${attributes})`)
  if (!/^__host-/i.test(name)) return
  if (!hostOnly) throw new CookiePrefixError(`${name} with a Domain (${attributes})`)
  if (path !== '/' || !/;\s*path=\/\s*(;|$)/i.test(line)) throw new CookiePrefixError(`${name} without Path=/ (${attributes})`)
}

/**
 * Reads one `Set-Cookie` line as a browser does (RFC 6265bis, section 5.7).
 * @throws FST_OIDC_TESTING_COOKIE_PREFIX when a `__Host-` or `__Secure-` rule is broken
 */
export function readSetCookie (line: string, url: URL, nowMs: number): CookieChange {
  const [pair = '', ...parts] = line.split(';')
  const equals = pair.indexOf('=')
  const name = (equals < 0 ? '' : pair.slice(0, equals)).trim()
  const value = pair.slice(equals + 1).trim()
  const attributes = attributesOf(parts)
  const domain = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase()
  const path = attributes.get('path') ?? ''
  const expiresAtMs = expiry(attributes, nowMs)
  const cookie: BrowserCookie = {
    name,
    value,
    domain: domain === '' ? url.hostname : domain,
    hostOnly: domain === '',
    port: url.port,
    path: path.startsWith('/') ? path : defaultPath(url.pathname),
    secure: attributes.has('secure') && url.protocol === 'https:',
    httpOnly: attributes.has('httponly'),
    sameSite: sameSite(attributes),
    expiresAtMs
  }
  checkPrefix(cookie, line)
  if (name === '' && value === '') return { kind: 'rejected', name, reason: 'empty' }
  if (Buffer.byteLength(name) + Buffer.byteLength(value) > MAX_COOKIE_BYTES) return { kind: 'rejected', name, reason: `over ${MAX_COOKIE_BYTES} bytes` }
  if (attributes.has('secure') && url.protocol !== 'https:') return { kind: 'rejected', name, reason: 'Secure over http' }
  if (cookie.sameSite === 'none' && !cookie.secure) return { kind: 'rejected', name, reason: 'SameSite=None without Secure' }
  if (!domainMatches(url.hostname, cookie.domain)) return { kind: 'rejected', name, reason: 'the domain of another host' }
  return expiresAtMs !== null && expiresAtMs <= nowMs ? { kind: 'remove', cookie } : { kind: 'set', cookie }
}
