import { isIP } from 'node:net'

export type FetchSite = 'none' | 'same-origin' | 'same-site' | 'cross-site'

/** Scheme and registrable domain; without the public suffix list, the last two labels are taken for it. */
function siteOf ({ protocol, hostname }: URL): string {
  const host = hostname.replace(/^\[|\]$/g, '')
  return `${protocol}//${isIP(host) === 0 ? host.split('.').slice(-2).join('.') : host}`
}

export function isSameSite (one: URL, other: URL): boolean {
  return siteOf(one) === siteOf(other)
}

/** `Sec-Fetch-Site`: held against the initiator for every address of a chain of redirects (Fetch Metadata, section 2.3). */
export function fetchSite (initiator: URL | null, chain: readonly URL[]): FetchSite {
  if (initiator === null) return 'none'
  if (chain.every(url => url.origin === initiator.origin)) return 'same-origin'
  return chain.every(url => isSameSite(url, initiator)) ? 'same-site' : 'cross-site'
}
