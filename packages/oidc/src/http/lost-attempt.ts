import type { FastifyRequest } from 'fastify'
import { cookieAttributes, isSecure } from '../cookie/set-cookie.ts'
import type { LostAttempt } from '../cookie/transaction.ts'
import type { OidcSettings } from '../options/settings.ts'
import { comesOverHttps, type StrayLogin } from './login-advice.ts'

const REASONS: Readonly<Record<Exclude<LostAttempt, 'none came'>, string>> = {
  'too old': 'the sign-in took longer than ten minutes',
  'sealed elsewhere': 'its cookie was sealed by another instance: give all instances the same session.secret, client_id and discovery, and an old secret a place in session.secret_fallbacks',
  'other scheme': 'it began over https, and its answer came over http as this server sees it: set trustProxy to the proxy in front (trust_proxy in the gateway)',
  'others came': "the browser sent cookies of other sign-ins and not this one's, which was answered already or given up: the back button does this"
}

function covers (domain: string, host: string): boolean {
  const bare = domain.replace(/^\./, '').toLowerCase()
  return host === bare || host.endsWith(`.${bare}`)
}

/** Why a browser sends nothing of a sign-in, by what can be seen from here. */
function explainNoCookie (request: FastifyRequest, settings: OidcSettings, stray: StrayLogin | null): string {
  const { domain, path, secure } = cookieAttributes(settings)
  const asked = request.originalUrl.replace(/\?.*$/, '')
  if (/^i?frame$/.test(String(request.headers['sec-fetch-dest']))) return 'the sign-in ran in a frame of another site, where browsers send no SameSite=Lax cookies: open it in a window of its own'
  if (domain !== undefined && !covers(domain, request.hostname.toLowerCase())) return `session.cookie_domain is ${JSON.stringify(domain)}, and browsers keep no such cookie for the host of this answer`
  if (path !== '/' && asked !== path && !asked.startsWith(path.replace(/\/?$/, '/'))) return `session.cookie_path is ${JSON.stringify(path)}, and the answer came to another path: let it cover redirect_uri`
  if (secure === true && !isSecure(request) && !comesOverHttps(settings)) return 'session.cookie_secure is true, and browsers keep such cookies over https only: use https, or set trustProxy to the proxy in front (trust_proxy in the gateway)'
  if (stray !== null) return `sign-ins begin on ${stray.from}, as this server sees it, and come back to ${stray.to}, the host of redirect_uri: browsers keep the cookies of hosts apart. Use one host, write redirect_uri as a path, or set session.cookie_domain`
  return 'the browser sent no cookie of it: the address is that of redirect_uri, which nobody opens by hand, and the browser has to accept cookies (SameSite=Lax, on https Secure)'
}

/** Why the answer of the provider meets nobody who waits for it, and what to change; for the log. */
export function explainLostAttempt (lost: LostAttempt, request: FastifyRequest, settings: OidcSettings, stray: StrayLogin | null): string {
  return `no session state found for this answer: ${lost === 'none came' ? explainNoCookie(request, settings, stray) : REASONS[lost]}`
}
