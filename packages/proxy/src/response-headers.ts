import type { IncomingHttpHeaders } from 'node:http'
import { privateCacheControl } from './cache-control.ts'
import { createCookieFilter, type CookieRules } from './cookie-filter.ts'
import { kReply, kUpstream, type ProxiedRequest } from './exchange.ts'
import { createKinds, NONE_NAMED, namedByConnection, type Kind } from './header-names.ts'
import type { LocationRewriter } from './location.ts'

/** The headers of an answer: names and values by turns, without Content-Length, and what they say about the body. */
export interface AnswerHead {
  readonly list: string[]
  /** Bytes of the body, in digits; null when its end is not known. */
  readonly length: string | null
  readonly contentType: string | null
}

/** Makes the headers that a client gets from those of the upstream's answer. */
export type ResponseHeaders = (received: readonly string[], request: ProxiedRequest) => AnswerHead

/** The same list out of what Node and undici make of headers. */
export function listOf (headers: IncomingHttpHeaders): string[] {
  const list: string[] = []
  for (const name in headers) {
    const values = headers[name]
    if (typeof values === 'string') list.push(name, values)
    else for (const value of values ?? []) list.push(name, value)
  }
  return list
}

/** By lower-case name; what stands there more than once is a list. */
export function recordOf (list: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (let index = 0; index < list.length; index += 2) {
    const name = (list[index] as string).toLowerCase()
    const value = list[index + 1] as string
    const before = headers[name]
    headers[name] = before === undefined ? value : [before, value].flat()
  }
  return headers
}

const CONNECTION = 'connection'

/** What an answer's headers are held against. */
interface Place {
  readonly kindOf: (name: string) => Kind
  readonly mayPass: (setCookie: string, upstream: string) => boolean
  readonly rewriteLocation: LocationRewriter
}

class Head implements AnswerHead {
  list: string[] = []
  length: string | null = null
  contentType: string | null = null
  readonly #place: Place
  readonly #request: ProxiedRequest
  readonly #isPrivate: boolean
  readonly #controls: string[] = []

  constructor (place: Place, request: ProxiedRequest) {
    this.#place = place
    this.#request = request
    this.#isPrivate = request[kReply].getHeader('set-cookie') !== undefined
  }

  /** One header of the upstream's. */
  take (name: string, value: string): void {
    switch (this.#place.kindOf(name)) {
      case 'pass': break
      case 'drop': return
      // A parser leaves the blanks behind it, and HTTP/2 takes digits alone.
      case 'content-length': this.length = value.trimEnd(); return
      case 'content-type': this.contentType = value; break
      case 'location': this.#takeLocation(name, value); return
      case 'set-cookie': if (!this.#place.mayPass(value, this.#request[kUpstream])) return
        break
      case 'cache-control': if (!this.#isPrivate) break
        this.#controls.push(value)
        return
      case 'shared-caches': if (this.#isPrivate) return
    }
    this.list.push(name, value)
  }

  /** After the last one. An answer that carries a cookie of one caller is private; where the upstream says nothing, what stands on the reply counts. */
  finish (): this {
    if (!this.#isPrivate) return this
    const own = this.#request[kReply].getHeader('cache-control')
    const said = this.#controls.length > 0 ? this.#controls.join(', ') : own
    this.list.push('cache-control', privateCacheControl(said === undefined ? undefined : String(said)))
    return this
  }

  #takeLocation (name: string, value: string): void {
    const { [kUpstream]: upstream, protocol, host } = this.#request
    this.list.push(name, this.#place.rewriteLocation(value, [upstream, `${protocol}://${host}`]))
  }
}

/** The lower-case names that the Connection headers of an answer list. */
function namedIn (received: readonly string[]): readonly string[] {
  let named: readonly string[] = NONE_NAMED
  for (let index = 0; index < received.length; index += 2) {
    const name = received[index] as string
    if (name.length !== CONNECTION.length || name.toLowerCase() !== CONNECTION) continue
    const more = namedByConnection(received[index + 1])
    if (more.length > 0) named = named.concat(more)
  }
  return named
}

/**
 * Makes the function that an answer's headers go through. Cookies that were put on the reply before stay on it:
 * they are sent with the upstream's.
 */
export function createResponseHeaders (rules: CookieRules, rewriteLocation: LocationRewriter): ResponseHeaders {
  const place: Place = { kindOf: createKinds(), mayPass: createCookieFilter(rules), rewriteLocation }
  return (received, request) => {
    const head = new Head(place, request)
    const named = namedIn(received)
    for (let index = 0; index < received.length; index += 2) {
      const name = received[index] as string
      if (named.length === 0 || !named.includes(name.toLowerCase())) head.take(name, received[index + 1] as string)
    }
    return head.finish()
  }
}
