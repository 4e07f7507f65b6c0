import { createDomainList, domainProblem, isDomainName, type DomainList } from './domain-list.ts'

/** Addresses, as `allowed_emails` and `allowed_email_domains` write them. */
export interface EmailList {
  covers (email: string): boolean
}

/** Letters of ASCII alone: others become one of these in lower case, and would pass for another's address. */
export const foldEmail = (text: string): string => text.replace(/[A-Z]/g, letter => letter.toLowerCase())

const ANY = '*'
const ANY_LOCAL = '*@'

/** The parts of an address with exactly one `@` (CVE-2026-40574); null: it is none. */
function splitEmail (email: string): { readonly local: string, readonly domain: string } | null {
  const [local, domain, ...more] = email.split('@')
  return local === undefined || local === '' || domain === undefined || domain === '' || more.length > 0 ? null : { local, domain: foldEmail(domain) }
}

function isInDomains (email: string, domains: DomainList): boolean {
  const domain = splitEmail(email)?.domain
  return domain !== undefined && domains.coversName(domain)
}

export function isEmail (text: string): boolean {
  return splitEmail(text) !== null && !/\s/.test(text)
}

/** What mail takes for the same address in another spelling: quotes, comments, and letters that nobody sees. */
const SEVERAL_SPELLINGS = /["()\\\s\p{C}]/u

/**
 * Can everybody tell which address this is? Where somebody is shut out, another spelling of the same address would let them in:
 * two `@`, quotes, a dot at the end, a domain that is not in letters of ASCII.
 */
export function isPlainEmail (email: string): boolean {
  const parts = splitEmail(email)
  return parts !== null && !SEVERAL_SPELLINGS.test(email) && email.normalize('NFKC') === email && isDomainName(parts.domain)
}

/** What is wrong with an entry of `allowed_emails`; null: nothing. */
export function emailProblem (entry: string): string | null {
  if (entry.startsWith(ANY_LOCAL)) return emailDomainProblem(entry.slice(ANY_LOCAL.length))
  return isEmail(entry) ? null : 'must be an e-mail address, such as "ann@example.com", or "*@example.com" for all of a domain'
}

/** What is wrong with an entry of `allowed_email_domains`; null: nothing. */
export function emailDomainProblem (entry: string): string | null {
  if (entry === ANY) return null
  return domainProblem(entry) !== null || entry.includes(':') ? 'must be a domain, such as "example.com", ".example.com" for what is below it too, or "*" for whoever has an address' : null
}

/** Domains; `*` is whatever address there is. Entries that do not hold cover nothing. */
export function createEmailDomainList (entries: readonly string[]): EmailList {
  const domains = createDomainList(entries)
  const coversAll = entries.includes(ANY)
  return { covers: email => coversAll || isInDomains(email, domains) }
}

/** Addresses, and `*@` before a domain for all of it. */
export function createEmailList (entries: readonly string[]): EmailList {
  const isDomain = (entry: string): boolean => entry.startsWith(ANY_LOCAL)
  const addresses = new Set(entries.filter(entry => !isDomain(entry)).map(foldEmail))
  const domains = createEmailDomainList(entries.filter(isDomain).map(entry => entry.slice(ANY_LOCAL.length)))
  return { covers: email => addresses.has(foldEmail(email)) || domains.covers(email) }
}
