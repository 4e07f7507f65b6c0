import { LOCAL_ISSUER } from 'fastify-oidc'
import type { Context } from './row.ts'

type Schema = Readonly<Record<string, unknown>>
type Parts = Omit<Context, 'path'>

const ANY_TEXT: Schema = { type: 'string', minLength: 1 }
const NOT_FALSE: Schema = { not: { enum: [false, 'false'] } }
const HELD = 'is claim_schema here, held against every request: 401, where OAuth2 Proxy says 403 at the login'

/** A bearer token, whose claims stand by themselves: its subject does for an e-mail address. */
const BEARER: Schema = { required: ['sub'], not: { anyOf: [{ required: ['id_token'] }, { required: ['user'] }] } }

const has = (name: string, value: Schema): Schema => ({ type: 'object', required: [name], properties: { [name]: value } })

/** Users of the password file have no e-mail address, and are asked for none. */
const LOCAL: Schema = has('id_token', has('iss', { const: LOCAL_ISSUER }))

/** A claim by its whole name; where there is none of that name, by its parts. */
function claimHolds (claim: string, value: Schema): Schema {
  const parts = claim.split('.')
  if (parts.length === 1) return has(claim, value)
  return { if: { required: [claim] }, then: has(claim, value), else: parts.reduceRight((inner, part) => has(part, inner), value) }
}

/** Of the ID token; of the userinfo where the ID token has no such claim. */
function inSession (claim: string, value: Schema): Schema {
  return {
    if: has('id_token', claimHolds(claim, {})),
    then: has('id_token', claimHolds(claim, value)),
    else: has('user', claimHolds(claim, value))
  }
}

const caseless = (text: string): string => [...text].map(character => /[a-z]/i.test(character)
  ? `[${character.toLowerCase()}${character.toUpperCase()}]`
  : character.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('')

/** `corp.com`: that domain alone. `.corp.com`, `*.corp.com`: all below it, and not itself. `*`: whatever it is. */
function domainSchema (domain: string): Schema {
  if (domain === '*') return ANY_TEXT
  const below = /^\*?\.(.+)$/.exec(domain)?.[1]
  return { type: 'string', pattern: below === undefined ? `^[^@]+@${caseless(domain)}$` : `^[^@]+@[^@]+\\.${caseless(below)}$` }
}

function emailRule (parts: Parts): Schema | null {
  const rule = providerEmailRule(parts)
  return rule === null || rule === LOCAL || parts.settings.text('htpasswd_file') === null ? rule : { anyOf: [rule, LOCAL] }
}

function providerEmailRule ({ settings, ledger }: Parts): Schema | null {
  const domains = settings.list('email_domains').filter(domain => domain !== '')
  if (domains.length === 0) {
    if (settings.text('htpasswd_file') !== null) return LOCAL
    if (settings.text('authenticated_emails_file') === null) ledger.refuse(settings.pathOf('email_domains'), 'is missing: OAuth2 Proxy starts with a rule for e-mail addresses alone, such as email_domains = [ "*" ]')
    return null
  }
  const emailClaim = settings.text('oidc_email_claim') ?? 'email'
  const claim = emailClaim === 'email' ? settings.text('user_id_claim') ?? 'email' : emailClaim
  const allowed = inSession(claim, domains.includes('*') ? ANY_TEXT : { anyOf: domains.map(domainSchema) })
  ledger.approximate(settings.pathOf('email_domains'), HELD)
  if (claim !== 'email' || settings.flag('insecure_oidc_allow_unverified_email', false)) return allowed
  const verified = { properties: { email_verified: NOT_FALSE } }
  return { allOf: [allowed, { properties: { id_token: verified, user: verified } }] }
}

function groupsRule ({ settings, ledger }: Parts): Schema | null {
  const groups = settings.list('allowed_groups').filter(group => group !== '')
  if (groups.length === 0) return null
  const claim = settings.text('oidc_groups_claim') ?? 'groups'
  ledger.approximate(settings.pathOf('allowed_groups'), HELD)
  return inSession(claim, { anyOf: [{ type: 'array', contains: { enum: groups } }, { enum: groups }] })
}

/** Rules for e-mail addresses and groups, as a schema that each session is held against. */
export function translateRules (parts: Parts): void {
  const rules = [emailRule(parts), groupsRule(parts)].filter(rule => rule !== null)
  const [first] = rules
  if (first === undefined) return
  const rule = rules.length === 1 ? first : { allOf: rules }
  const schema = parts.settings.flag('skip_jwt_bearer_tokens', false) ? { anyOf: [rule, BEARER] } : rule
  parts.draft.setOption(['claim_schema'], schema, parts.settings.pathOf('email_domains'))
}
