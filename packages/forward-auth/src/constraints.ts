import type { FastifyRequest } from 'fastify'
import { createEmailDomainList, type EmailList, type RequestOidc } from 'fastify-oidc'
import { listParameter, queryOf } from './parameters.ts'

const MAX_KEPT = 100

const lists = new Map<string, EmailList>()

/** By what is written: nginx asks with the same few at every request. */
function domainsOf (entries: readonly string[]): EmailList {
  const key = entries.join(',')
  let list = lists.get(key)
  if (list === undefined) {
    if (lists.size >= MAX_KEPT) lists.clear()
    list = createEmailDomainList(entries.filter(entry => entry !== '*'))
    lists.set(key, list)
  }
  return list
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
    allowed('allowed_email_domains', items => email !== null && domainsOf(items).covers(email))
}
