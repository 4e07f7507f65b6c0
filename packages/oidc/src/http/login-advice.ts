import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSecure } from '../cookie/set-cookie.ts'
import type { OidcSettings } from '../options/settings.ts'

/** A login that began on one host and comes back to another. */
export interface StrayLogin { readonly from: string, readonly to: string }

/** What logins show of the way this server is set up; the log is told each thing once. */
export interface LoginAdvice {
  /** null: every login so far began on the host that it comes back to. */
  readonly stray: StrayLogin | null
  begins (request: FastifyRequest, redirectUri: string): void
  /** Of an answer that sets cookies of ours; where it goes next is not among its headers yet. */
  setsCookies (request: FastifyRequest, reply: FastifyReply, location: string): void
}

/** What nginx takes of a response's headers unless it is told otherwise: a page of memory. */
const PROXY_BUFFER_BYTES = 4096
/** Of the status line and of headers that Node adds. */
const OTHER_BYTES = 150
const MAX_REDIRECT_URIS = 4
/** Browsers take these for safe without TLS. */
const LOOPBACK = /^(?:localhost|.+\.localhost|127\.[\d.]+|\[::1\])$/

function headerBytes (reply: FastifyReply, location: string): number {
  let bytes = OTHER_BYTES + location.length
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    for (const line of [value].flat()) bytes += name.length + String(line).length + 4
  }
  return bytes
}

/** Empty for what names no host: nobody has looked at it yet where a session is taken on. */
const hostnameOf = (host: string): string => URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : ''

type Tell = (request: FastifyRequest, name: string, text: string) => void

/** What is wrong with one login is wrong with all of them. */
function createTeller (): Tell {
  const told = new Set<string>()
  return (request, name, text) => {
    if (told.has(name)) return
    told.add(name)
    request.log.warn({ oidc: 'advice' }, text)
  }
}

function adviseOnCookies (tell: Tell, request: FastifyRequest, reply: FastifyReply, location: string, alwaysSecure: boolean): void {
  if (alwaysSecure && !isSecure(request) && !LOOPBACK.test(hostnameOf(request.host))) tell(request, 'secure', 'cookies of this answer are Secure (session.cookie_secure, or session.cookie_same_site: None), and it goes over http as this server sees it: browsers drop them. Use https, or set trustProxy to the proxy in front (trust_proxy in the gateway)')
  const bytes = headerBytes(reply, location)
  if (bytes > PROXY_BUFFER_BYTES) tell(request, 'large', `the headers of this answer take about ${bytes} bytes, and nginx in front takes ${PROXY_BUFFER_BYTES} unless it is told otherwise ("upstream sent too big header"): raise proxy_buffer_size there, keep less with session_contents, or set session.storage: redis`)
}

/** Do browsers come over https, whatever scheme this server sees? They come back to this address, and cookies of hosts are apart. */
export function comesOverHttps ({ redirect_uri: redirectUri = '' }: Pick<OidcSettings, 'redirect_uri'>): boolean {
  return /^https:/i.test(redirectUri)
}

export function createLoginAdvice (settings: OidcSettings): LoginAdvice {
  const { session } = settings
  const tell = createTeller()
  const redirectUris = new Set<string>()
  const alwaysSecure = (session.cookie_secure ?? session.cookie_same_site === 'None') && !comesOverHttps(settings)
  let stray: StrayLogin | null = null

  function tellRedirectUri (request: FastifyRequest, redirectUri: string): void {
    if (redirectUris.has(redirectUri) || redirectUris.size >= MAX_REDIRECT_URIS) return
    redirectUris.add(redirectUri)
    request.log.info({ oidc: 'login.started', redirectUri }, `logins come back to ${redirectUri}: the redirect URI that has to be registered at the provider`)
  }

  return {
    get stray () { return stray },
    begins (request, redirectUri) {
      tellRedirectUri(request, redirectUri)
      if (!isSecure(request) && request.headers['x-forwarded-proto'] === 'https') tell(request, 'forwarded', 'X-Forwarded-Proto says https, and this server does not believe it: set trustProxy to the proxy in front (trust_proxy in the gateway), or a redirect_uri that is a path becomes http, and cookies are not Secure')
      const { host, hostname } = new URL(redirectUri)
      if (session.cookie_domain === undefined && hostname !== hostnameOf(request.host)) stray = { from: request.host, to: host }
    },
    setsCookies (request, reply, location) { adviseOnCookies(tell, request, reply, location, alwaysSecure) }
  }
}
