import type { OutgoingHttpHeaders } from 'node:http'

/** Header bytes as they came, one character each: Node writes them the same way. */
export function textOf (received: readonly Buffer[]): string[] {
  const list = new Array<string>(received.length)
  for (let index = 0; index < received.length; index++) {
    list[index] = (received[index] as Buffer).toString('latin1')
  }
  return list
}

/** What Node takes for a Link header (RFC 8288); it throws at all else. */
const LINK = /^<[^>]*>(?:\s*;\s*[^;"=\s]+(?:=(?:"[^;"\s]*"|[^;"\s]*))?)+$/
const MAX_LINKS = 100

/** The links of early hints (RFC 8297); null without one. No other header of a hint is passed on. */
export function linksOf (received: readonly string[]): string[] | null {
  const links: string[] = []
  for (let index = 0; index < received.length; index += 2) {
    if ((received[index] as string).toLowerCase() === 'link') links.push(...(received[index + 1] as string).split(/,\s*(?=<)/).slice(0, MAX_LINKS))
  }
  const good = links.map(link => link.trim()).filter(link => LINK.test(link)).slice(0, MAX_LINKS)
  return good.length === 0 ? null : good
}

/** What must not come after a body (RFC 9110, section 6.5.1): framing, routing, authentication, cookies, caching and what describes the content. Node does not survive a header of HTTP/1.1 connections behind an answer over HTTP/2. */
const NO_TRAILER = /^(?:age|authorization|cache-control|connection|content-(?:encoding|length|range|type)|cookie|date|expect|expires|host|http2-settings|keep-alive|location|max-forwards|pragma|proxy-.*|range|retry-after|set-cookie|te|trailer|transfer-encoding|upgrade|vary|warning|www-authenticate)$/i

/** The trailers of an answer that may be passed on. */
export function trailersOf (received: readonly Buffer[]): OutgoingHttpHeaders {
  const list = textOf(received)
  const trailers: OutgoingHttpHeaders = {}
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index] as string
    if (!NO_TRAILER.test(name)) trailers[name] = list[index + 1]
  }
  return trailers
}
