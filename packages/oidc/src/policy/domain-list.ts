import type { OptionProblem } from 'fastify-oidc-session-store'

interface Domain {
  readonly name: string
  readonly coversSubdomains: boolean
  /** null: the scheme's own. */
  readonly port: number | '*' | null
}

/** Hosts, as `whitelist_domains` writes them. */
export interface DomainList {
  /** Is the host of this URL, with its port, among them? */
  coversUrl (url: URL): boolean
  /** Is this name, whatever the port? */
  coversName (name: string): boolean
}

const ENTRY = /^(?<below>\*?\.)?(?<host>[^\s:/?#@\\*[\]]+|\[[\da-f:.]+\])(?::(?<port>\d{1,5}|\*))?$/i
const NAME = /^[\w-]+(?:\.[\w-]+)*$|^\[[\da-f:]+\]$/
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }
const MAX_PORT = 65_535

/** As a URL parser writes it: lower case, punycode, addresses in full. */
function canonicalName (host: string): string | null {
  const address = `https://${host}/`
  if (!URL.canParse(address)) return null
  const { hostname } = new URL(address)
  return NAME.test(hostname) ? hostname : null
}

/** Is it written as lists compare it? */
export const isDomainName = (text: string): boolean => canonicalName(text) === text

function parsePort (written: string | undefined): Domain['port'] {
  return written === undefined || written === '*' ? written ?? null : Number(written)
}

/** `example.com`, `.example.com` and `*.example.com` (itself and what is below it), each with `:8443` or `:*`; null: it is something else. */
function parseDomain (entry: string): Domain | null {
  const { host, below, port: written } = ENTRY.exec(entry)?.groups ?? {}
  const name = host === undefined ? null : canonicalName(host)
  const port = parsePort(written)
  if (name === null || (typeof port === 'number' && (port < 1 || port > MAX_PORT))) return null
  return { name, coversSubdomains: below !== undefined, port }
}

/** The host of what was meant as one. */
function hostIn (entry: string): string | null {
  const address = /^https?:\/\//i.test(entry) ? entry : `https://${entry.replace(/^([a-z][a-z\d+.-]*:)?\/+/i, '')}`
  if (!URL.canParse(address)) return null
  const { host } = new URL(address)
  return parseDomain(host) === null ? null : host
}

/** What is wrong with an entry; null: nothing. */
export function domainProblem (entry: string): string | null {
  if (parseDomain(entry) !== null) return null
  if (!entry.includes('/')) return 'must be a host, such as "app.example.com", ".example.com" for what is below it too, or "app.example.com:8443"'
  const host = hostIn(entry)
  return `must be a host, and not a URL${host === null ? '' : `: write ${JSON.stringify(host)}`}`
}

/** Entries that do not hold cover nothing. */
export function createDomainList (entries: readonly string[]): DomainList {
  const domains = entries.map(parseDomain).filter(domain => domain !== null)
  const hasName = ({ name, coversSubdomains }: Domain, other: string): boolean => name === other || (coversSubdomains && other.endsWith(`.${name}`))
  return {
    coversName: name => domains.some(domain => hasName(domain, name)),
    coversUrl ({ hostname, port, protocol }) {
      const own = port === '' ? DEFAULT_PORTS[protocol] : Number(port)
      return domains.some(domain => hasName(domain, hostname) && (domain.port === '*' || (domain.port === null ? port === '' : domain.port === own)))
    }
  }
}

/** What is wrong with `whitelist_domains`. */
export function checkDomains ({ whitelist_domains: entries = [] }: { readonly whitelist_domains?: readonly string[] }): OptionProblem[] {
  return entries.flatMap((entry, index) => {
    const message = domainProblem(entry)
    return message === null ? [] : [{ path: ['whitelist_domains', String(index)], message }]
  })
}
