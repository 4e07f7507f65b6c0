import { maxHeaderSize } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { EpochSeconds, StoredSession } from 'fastify-oidc-session-store'
import { SessionTooLargeError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { headerBytes, joinHandles, splitHandle, type Chunk } from './chunks.ts'
import { findCookies } from './cookie-header.ts'
import type { CookieNames } from './cookie-names.ts'
import { cookieAttributes, isSecure, setCookie } from './set-cookie.ts'

/** What the other headers of a request may need beside our cookies. */
const OTHER_HEADERS_BYTES = 4096

/** Carries a session's handle to the browser and back, without knowing what is in it. */
export interface CookieJar {
  /** Bytes that all our cookies may take in a request. */
  readonly budget: number
  /** Handles that came, in the order to try them. */
  read (request: FastifyRequest): readonly string[]
  /** Bytes that the session took in this request. */
  size (request: FastifyRequest): number
  /**
   * Answers how many bytes the session takes in the next request.
   * @throws FST_OIDC_SESSION_TOO_LARGE
   */
  write (request: FastifyRequest, reply: FastifyReply, stored: StoredSession, now: EpochSeconds): number
  clear (request: FastifyRequest, reply: FastifyReply): void
  /** The Cookie header that a browser would send for a handle. */
  encode (handle: string, secure: boolean): string
}

const SUFFIX = /^(?:_\d{1,2})?$/
const NONE: readonly string[] = []

function tooLarge (bytes: number, budget: number): Error {
  return Object.assign(new SessionTooLargeError(), { cause: new Error(`the session needs ${bytes} bytes of cookies, and requests may carry ${budget}: set session.storage: redis, keep less with session_contents, or raise http.maxHeaderSize of the server`) })
}

/** The server's own limit: above it Node answers 431 before any code of ours runs. */
export function cookieBudget (server: FastifyInstance['server']): number {
  const limit = (server as { maxHeaderSize?: number }).maxHeaderSize ?? maxHeaderSize
  return limit - OTHER_HEADERS_BYTES
}

export function createCookieJar (settings: OidcSettings, names: CookieNames, budget: number): CookieJar {
  const attributes = cookieAttributes(settings)

  function cut (handle: string, name: string): Chunk[] {
    const chunks = splitHandle(handle, { name, domain: attributes.domain, path: attributes.path })
    if (chunks === null) throw tooLarge(handle.length, budget)
    return chunks
  }

  function clearOthers (request: FastifyRequest, reply: FastifyReply, name: string, kept: ReadonlySet<string>): void {
    const header = request.headers.cookie
    if (header === undefined) return
    for (const cookie of findCookies(header, name)) {
      const suffix = cookie.name.slice(name.length)
      if (SUFFIX.test(suffix) && !kept.has(suffix)) setCookie(request, reply, cookie.name, '', attributes, 0)
    }
  }

  return {
    budget,
    read (request) {
      const header = request.headers.cookie
      if (header === undefined) return NONE
      const name = names.session(isSecure(request))
      return header.includes(name) ? joinHandles(findCookies(header, name), name) : NONE
    },
    size (request) {
      const name = names.session(isSecure(request))
      return findCookies(request.headers.cookie ?? '', name)
        .filter(cookie => SUFFIX.test(cookie.name.slice(name.length)))
        .reduce((sum, cookie) => sum + cookie.name.length + cookie.value.length + 3, 0)
    },
    write (request, reply, stored, now) {
      const name = names.session(isSecure(request))
      const chunks = cut(stored.handle, name)
      const bytes = headerBytes(name, chunks)
      if (bytes > budget) throw tooLarge(bytes, budget)
      for (const { suffix, value } of chunks) setCookie(request, reply, name + suffix, value, attributes, Math.max(1, stored.expiresAt - now))
      // Behind the session: of several Set-Cookie, nginx passes on the first that an auth_request was answered with.
      clearOthers(request, reply, name, new Set(chunks.map(({ suffix }) => suffix)))
      return bytes
    },
    clear (request, reply) {
      clearOthers(request, reply, names.session(isSecure(request)), new Set())
    },
    encode (handle, secure) {
      const name = names.session(secure)
      return cut(handle, name).map(({ suffix, value }) => `${name}${suffix}=${value}`).join('; ')
    }
  }
}
