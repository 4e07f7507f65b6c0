import { resolve } from 'node:path'
import { LOCAL_ISSUER } from 'fastify-oidc'
import { emailClaimOf } from './headers.ts'
import type { Context } from './row.ts'

type Schema = Readonly<Record<string, unknown>>
type Parts = Omit<Context, 'path'>

const ANY = '*'
const FILE = 'authenticated_emails_file'
const ANY_TEXT: Schema = { type: 'string', minLength: 1 }
/** As `request.oidc.email` takes it. */
const VERIFIED: Schema = { enum: [true, 'true', 'True', 'TRUE', 1, '1', null] }
const HELD = 'held against every request, where OAuth2 Proxy refuses the login'

const has = (name: string, value: Schema): Schema => ({ type: 'object', required: [name], properties: { [name]: value } })

/** Users of the password file have no e-mail address, and are asked for none. */
const LOCAL: Schema = has('iss', { const: LOCAL_ISSUER })

/** A bearer token, whose claims stand by themselves: its subject does for an e-mail address. */
const BEARER: Schema = { required: ['sub'], not: { anyOf: [{ required: ['id_token'] }, { required: ['user'] }] } }

/** A claim by its whole name; where there is none of that name, by its parts. */
function claimHolds (claim: string, value: Schema): Schema {
  const parts = claim.split('.')
  if (parts.length === 1) return has(claim, value)
  return { if: { required: [claim] }, then: has(claim, value), else: parts.reduceRight((inner, part) => has(part, inner), value) }
}

const caseless = (text: string): string => [...text].map(character => /[a-z]/i.test(character)
  ? `[${character.toLowerCase()}${character.toUpperCase()}]`
  : character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('')

/** The domain that `.corp.com` and `*.corp.com` are below; null: it is one itself. */
const above = (domain: string): string | null => /^\*?\.(.+)$/.exec(domain)?.[1]?.toLowerCase() ?? null

/** `corp.com`: that domain alone. `.corp.com`, `*.corp.com`: all below it, and not itself. `*`: whatever it is. */
function domainSchema (domain: string): Schema {
  const below = above(domain)
  return { type: 'string', pattern: below === null ? `^[^@]+@${caseless(domain)}$` : `^[^@]+@[^@]+\\.${caseless(below)}$` }
}

/** The same as `allowed_email_domains` has it, where `.corp.com` is `corp.com` too. */
function choiceOf (domains: readonly string[]): unknown {
  if (domains.includes(ANY)) return ANY
  const parents = domains.map(above).filter(domain => domain !== null)
  const isAllowed = (name: string): boolean => domains.some(domain => domain.toLowerCase() === name) || parents.some(parent => name.endsWith(`.${parent}`))
  const shut = [...new Set(parents)].filter(parent => !isAllowed(parent))
  return shut.length === 0 ? domains : { any_of: domains, none_of: shut }
}

/** Domains as `allowed_emails` has them, beside a file of addresses. */
function besideFile (domains: readonly string[]): unknown {
  const all = (names: readonly string[]): string[] => names.map(name => `*@${name}`)
  const choice = choiceOf(domains)
  return Array.isArray(choice) ? all(choice as string[]) : Object.fromEntries(Object.entries(choice as Record<string, string[]>).map(([name, names]) => [name, all(names)]))
}

/** A file of addresses: who stands there passes, beside who is in one of the domains. */
function translateFile (file: string, domains: readonly string[], { settings, ledger, draft }: Parts): void {
  const path = settings.pathOf(FILE)
  const other = settings.text('htpasswd_file') === null ? ['skip_jwt_bearer_tokens', 'insecure_oidc_allow_unverified_email'].find(name => settings.flag(name, false)) : 'htpasswd_file'
  if (other !== undefined) return ledger.refuse(path, `is not available beside ${other}`)
  draft.setOption(['allowed_emails_file'], resolve(file), path)
  ledger.approximate(path, `is allowed_emails_file here, ${HELD}`)
  if (domains.length === 0) return
  draft.setOption(['allowed_emails'], besideFile(domains), settings.pathOf('email_domains'))
  ledger.approximate(settings.pathOf('email_domains'), `is allowed_emails here, ${HELD}`)
}

/** Rules that e-mail addresses alone cannot say. */
function emailSchema (domains: readonly string[], { settings }: Parts): Schema {
  const claim = emailClaimOf({ settings })
  const allowed = claimHolds(claim, domains.includes(ANY) ? ANY_TEXT : { anyOf: domains.map(domainSchema) })
  const isVerified = claim === 'email' && !settings.flag('insecure_oidc_allow_unverified_email', false)
  return isVerified ? { allOf: [allowed, { properties: { email_verified: VERIFIED } }] } : allowed
}

function translateEmails (parts: Parts): void {
  const { settings, ledger, draft } = parts
  const path = settings.pathOf('email_domains')
  const domains = settings.list('email_domains').filter(domain => domain !== '')
  const hasPasswords = settings.text('htpasswd_file') !== null
  const file = settings.text(FILE)
  if (file !== null && !domains.includes(ANY)) return translateFile(file, domains, parts)
  if (domains.length === 0) {
    if (hasPasswords) draft.setOption(['required_claims'], LOCAL, path)
    else ledger.refuse(path, 'is missing: OAuth2 Proxy starts with a rule for e-mail addresses alone, such as email_domains = [ "*" ]')
    return
  }
  const schema = emailSchema(domains, parts)
  if (settings.flag('skip_jwt_bearer_tokens', false)) {
    const sources = { anyOf: ['id_token', 'user'].map(source => has(source, schema)) }
    draft.setOption(['claim_schema'], { anyOf: [sources, ...hasPasswords ? [has('id_token', LOCAL)] : [], BEARER] }, path)
    return ledger.approximate(path, `is claim_schema here, 401, ${HELD}`)
  }
  if (hasPasswords || settings.flag('insecure_oidc_allow_unverified_email', false)) {
    draft.setOption(['required_claims'], hasPasswords ? { anyOf: [schema, LOCAL] } : schema, path)
    return ledger.approximate(path, `is required_claims here, ${HELD}`)
  }
  draft.setOption(['allowed_email_domains'], choiceOf(domains), path)
  ledger.approximate(path, `is allowed_email_domains here, ${HELD}`)
}

function translateGroups ({ settings, ledger, draft }: Parts): void {
  const groups = settings.list('allowed_groups').filter(group => group !== '')
  if (groups.length === 0) return
  draft.setOption(['allowed_groups'], groups, settings.pathOf('allowed_groups'))
  ledger.approximate(settings.pathOf('allowed_groups'), `is allowed_groups here, ${HELD}`)
}

/** Rules for e-mail addresses and groups, as requirements of every request. */
export function translateRules (parts: Parts): void {
  translateEmails(parts)
  translateGroups(parts)
}
