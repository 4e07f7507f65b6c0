import type { FastifyRequest } from 'fastify'
import { createDomainList, type RequestOidc } from 'fastify-oidc'
import { listParameter, queryOf } from './parameters.ts'

/** The domain of an address with exactly one `@` (CVE-2026-40574). */
function domainOf (email: string): string | null {
  const [local, domain, ...more] = email.split('@')
  return local !== '' && domain !== undefined && domain !== '' && more.length === 0 ? domain.toLowerCase() : null
}

function isInDomain (email: string | null, domains: readonly string[]): boolean {
  const domain = email === null ? null : domainOf(email)
  return domain !== null && createDomainList(domains).coversName(domain)
}

/** Does the caller meet `allowed_groups`, `allowed_emails` and `allowed_email_domains` of this request, each that is there? They narrow what the policy allows. */
export function meetsConstraints (request: FastifyRequest): boolean {
  const { groups, email }: RequestOidc = request.oidc
  const query = queryOf(request)
  const allowed = (name: string, isMet: (items: readonly string[]) => boolean): boolean => {
    const items = listParameter(query, name)
    return items.length === 0 || isMet(items)
  }
  return allowed('allowed_groups', items => groups.some(group => items.includes(group))) &&
    allowed('allowed_emails', items => email !== null && items.includes(email)) &&
    allowed('allowed_email_domains', items => isInDomain(email, items))
}
