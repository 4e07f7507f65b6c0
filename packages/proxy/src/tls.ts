import { isIP } from 'node:net'
import type { ProxySettings } from './options.ts'

/** TLS settings towards the upstream, as Node calls them. */
export interface TlsSettings {
  readonly rejectUnauthorized: boolean
  readonly ca?: string[]
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

/** What of the options is about TLS. */
export function tlsSettings ({ ssl_verify: rejectUnauthorized, ca, client_cert: cert, client_key: key, server_name: servername }: ProxySettings): TlsSettings {
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername })
  }
}

/** The host of an origin as a certificate names it: an IPv6 address without brackets. */
export function hostOf (origin: string): string {
  return new URL(origin).hostname.replace(/^\[(.*)\]$/, '$1')
}

/** Whether TLS can ask for this name: it knows no names that are addresses (RFC 6066, section 3). */
export function canBeAskedFor (name: string): boolean {
  return isIP(name) === 0
}
