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

const SEVERAL = 'is several of which nobody has more than one: write a list'

const UNCLEAR = 'cannot tell: the address can be spelled in several ways'

function emailRule ({ option, listOf, file }: Choice, anyOf: readonly string[], noneOf: readonly string[]): Rule {
  const [allowed, excluded] = [listOf(anyOf), listOf(noneOf)]
  const isAllowed = (email: string): boolean => allowed.covers(email) || file?.emails?.covers(email) === true
  const isLimited = anyOf.length > 0 || file !== undefined
  const refusal = (unmet: PolicyRefusal['unmet'], names: readonly string[], found: readonly string[], detail: string | null = null): PolicyRefusal => ({ option, unmet, names, found: boundNames(found), detail })
  return {
    judge ({ email }) {
      if (email === null) return refusal('absent', [], [], 'finds no e-mail address, or one that is not verified')
      if (isLimited && !isAllowed(email)) return refusal('any_of', anyOf, [email], file === undefined ? null : `stands neither there nor in ${file.name}`)
      if (excluded.covers(email)) return refusal('none_of', noneOf, [email])
      return noneOf.length > 0 && !isPlainEmail(email) ? refusal('none_of', noneOf, [email], UNCLEAR) : null
    }
  }
}

function checkEntries ({ written, option, problemOf }: Choice): OptionProblem[] {
  if (written === undefined || typeof written === 'string') return []
  const members = Array.isArray(written) ? [[[], written] as const] : Object.entries(written as Readonly<Record<string, readonly string[]>>).map(([name, entries]) => [[name], entries] as const)
  return members.flatMap(([path, entries]) => entries.flatMap((entry: string, index: number) => {
    const message = problemOf(entry)
    return message === null ? [] : [{ path: [option, ...path, String(index)], message }]
  }))
}

function readChoice (choice: Choice): ReadRule {
  const { written, option, problemOf, file } = choice
  if (written === undefined) return file === undefined ? NO_RULE : { rules: [emailRule(choice, [], [])], problems: [] }
  const { requirement, problems } = readRequirement(written, { bare: 'any_of', hasBlanks: true })
  const { allOf: [only, ...more], anyOf, noneOf } = requirement
  const single = only === undefined ? null : more.length > 0 ? SEVERAL : problemOf(only)
  const found = [...problems.map(({ path, message }) => ({ path: [option, ...path], message })), ...single === null ? [] : [{ path: [option], message: single }], ...problems.length > 0 ? [] : checkEntries(choice)]
  return found.length > 0 ? { rules: [], problems: found } : { rules: [emailRule(choice, only === undefined ? anyOf.flat() : [only], noneOf)], problems: [] }
}

export const readEmailRules: RuleReader = (options, { emailFile }) => {
  const file = options.allowed_emails_file === undefined ? undefined : { name: 'allowed_emails_file', emails: emailFile }
  const emails = readChoice({ option: 'allowed_emails', written: options.allowed_emails, problemOf: emailProblem, listOf: createEmailList, file })
  const domains = readChoice({ option: 'allowed_email_domains', written: options.allowed_email_domains, problemOf: emailDomainProblem, listOf: createEmailDomainList })
  return { rules: [...emails.rules, ...domains.rules], problems: [...emails.problems, ...domains.problems] }
}
