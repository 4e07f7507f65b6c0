import type { GatewayConfiguration } from '../configuration/check.ts'
import { ANY_HOST } from '../configuration/hosts.ts'
import type { Patient } from './patient.ts'

/** What decides how the gateway looks from outside. */
export type Outside = Pick<GatewayConfiguration, 'listen' | 'tls' | 'trustProxy' | 'forceHttps'>

const LOOPBACK = /^(?:localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/

/** Browsers, and most providers, take these for safe without TLS. */
export function isLoopback (url: string): boolean {
  return LOOPBACK.test(new URL(url).hostname)
}

export function isPlain (url: string): boolean {
  return new URL(url).protocol === 'http:'
}

const ALL_ADDRESSES = ['0.0.0.0', '::']

function ownHost ({ listen: { host } }: Outside): string {
  if (ALL_ADDRESSES.includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

/** The origin that a browser would use for a host, as far as the file tells: whoever stands in front is on the usual port. */
function originFor (host: string, outside: Outside): string {
  const { listen, tls, trustProxy } = outside
  const isBehindProxy = tls === null && trustProxy.length > 0 && host !== ANY_HOST
  const scheme = tls !== null || isBehindProxy ? 'https' : 'http'
  const port = isBehindProxy || listen.port === 0 ? '' : `:${listen.port}`
  return new URL(`${scheme}://${host === ANY_HOST ? ownHost(outside) : host}${port}`).origin
}

/** Where browsers come to, as far as it is known: hosts that are a pattern stand for many. */
export function originsOf ({ hosts }: Patient, outside: Outside): string[] {
  return hosts.filter(host => !host.startsWith('*.')).map(host => originFor(host, outside))
}

/** What an option that is a path or an address becomes: one for each origin. */
export function resolveAddress (written: string, patient: Patient, outside: Outside): string[] {
  return written.startsWith('/') ? originsOf(patient, outside).map(origin => new URL(written, origin).href) : [written]
}

/** What logins send as `redirect_uri`, as far as it is known. */
export function redirectUrisOf (patient: Patient, outside: Outside): string[] {
  const { options: { redirect_uri: written, bearer_only: bearerOnly }, callbackPath } = patient
  if (bearerOnly) return []
  if (written !== undefined) return resolveAddress(written, patient, outside)
  return callbackPath === null ? [] : resolveAddress(callbackPath, patient, outside)
}
