import type { OptionProblem } from 'fastify-oidc-session-store'
import { createEmailDomainList, createEmailList, emailDomainProblem, emailProblem, isPlainEmail, type EmailList } from './email-list.ts'
import { boundNames, type PolicyRefusal } from './refusal.ts'
import { readRequirement } from './requirement.ts'
import { NO_RULE, type ReadRule, type Rule, type RuleReader } from './rule.ts'
import type { WrittenChoice } from './schema.ts'

interface Choice {
  readonly option: string
  readonly written: WrittenChoice | undefined
  problemOf (entry: string): string | null
  listOf (entries: readonly string[]): EmailList
  /** Addresses that are allowed too, of a file. */
  readonly file?: { readonly name: string, readonly emails: EmailList | null } | undefined
}

/** A requirement, and who could meet it. */
interface EmailRules extends ReadRule {
  objectTo (email: string | null): PolicyRefusal | null
  /** Addresses that stand for all whom it names. */
  readonly samples: readonly string[]
}

const SEVERAL = 'is several of which nobody has more than one: write a list'

const UNCLEAR = 'cannot tell: the address can be spelled in several ways'

function createObjection ({ option, listOf, file }: Choice, anyOf: readonly string[], noneOf: readonly string[]): EmailRules['objectTo'] {
  const [allowed, excluded] = [listOf(anyOf), listOf(noneOf)]
  const isAllowed = (email: string): boolean => allowed.covers(email) || file?.emails?.covers(email) === true
  const isLimited = anyOf.length > 0 || file !== undefined
  const refusal = (unmet: PolicyRefusal['unmet'], names: readonly string[], found: readonly string[], detail: string | null = null): PolicyRefusal => ({ option, unmet, names, found: boundNames(found), detail })
  return email => {
    if (email === null) return refusal('absent', [], [], 'finds no e-mail address, or one that is not verified')
    if (isLimited && !isAllowed(email)) return refusal('any_of', anyOf, [email], file === undefined ? null : `stands neither there nor in ${file.name}`)
    if (excluded.covers(email)) return refusal('none_of', noneOf, [email])
    return noneOf.length > 0 && !isPlainEmail(email) ? refusal('none_of', noneOf, [email], UNCLEAR) : null
  }
}

/** A name that no list has. */
const OTHER = 'nobody-is-called-that'

/** One for itself, one for whatever is below a domain. */
function sample (entry: string): string[] {
  const [local = '', domain = local] = entry.split('@')
  if (entry.includes('@') && local !== '*') return [entry]
  const bare = domain.replace(/^\*?\./, '')
  return bare === '*' ? [`${OTHER}@${OTHER}.invalid`] : [`${OTHER}@${bare}`, ...bare === domain ? [] : [`${OTHER}@${OTHER}.${bare}`]]
}

function enforce (choice: Choice, anyOf: readonly string[], noneOf: readonly string[]): EmailRules {
  const objectTo = createObjection(choice, anyOf, noneOf)
  const rule: Rule = { judge: ({ email }) => objectTo(email) }
  return { rules: [rule], problems: [], objectTo, samples: anyOf.flatMap(sample) }
}

const NOTHING: EmailRules = { ...NO_RULE, objectTo: () => null, samples: [] }

function checkEntries ({ written, option, problemOf }: Choice): OptionProblem[] {
  if (written === undefined || typeof written === 'string') return []
  const members = Array.isArray(written) ? [[[], written] as const] : Object.entries(written as Readonly<Record<string, readonly string[]>>).map(([name, entries]) => [[name], entries] as const)
  return members.flatMap(([path, entries]) => entries.flatMap((entry: string, index: number) => {
    const message = problemOf(entry)
    return message === null ? [] : [{ path: [option, ...path, String(index)], message }]
  }))
}

function readChoice (choice: Choice): EmailRules {
  const { written, option, problemOf, file } = choice
  if (written === undefined) return file === undefined ? NOTHING : enforce(choice, [], [])
  const { requirement, problems } = readRequirement(written, { bare: 'any_of', hasBlanks: true })
  const { allOf: [only, ...more], anyOf, noneOf } = requirement
  const single = only === undefined ? null : more.length > 0 ? SEVERAL : problemOf(only)
  const found = [...problems.map(({ path, message }) => ({ path: [option, ...path], message })), ...single === null ? [] : [{ path: [option], message: single }], ...problems.length > 0 ? [] : checkEntries(choice)]
  return found.length > 0 ? { ...NOTHING, problems: found } : enforce(choice, only === undefined ? anyOf.flat() : [only], noneOf)
}

/** Everybody whom one of them names is refused by it or by the other. */
function findHopeless (emails: EmailRules, domains: EmailRules): OptionProblem[] {
  const named = [...emails.samples, ...domains.samples]
  const isHopeless = named.length > 0 && named.every(email => emails.objectTo(email) !== null || domains.objectTo(email) !== null)
  const option = emails.samples.length > 0 ? 'allowed_emails' : 'allowed_email_domains'
  return isHopeless ? [{ path: [option], message: 'names nobody who gets past allowed_emails and allowed_email_domains together: nobody can pass, so take one of them back' }] : []
}

export const readEmailRules: RuleReader = (options, { emailFile }) => {
  const file = options.allowed_emails_file === undefined ? undefined : { name: 'allowed_emails_file', emails: emailFile }
  const emails = readChoice({ option: 'allowed_emails', written: options.allowed_emails, problemOf: emailProblem, listOf: createEmailList, file })
  const domains = readChoice({ option: 'allowed_email_domains', written: options.allowed_email_domains, problemOf: emailDomainProblem, listOf: createEmailDomainList })
  const problems = [...emails.problems, ...domains.problems]
  return { rules: [...emails.rules, ...domains.rules], problems: problems.length > 0 || file !== undefined ? problems : findHopeless(emails, domains) }
}
