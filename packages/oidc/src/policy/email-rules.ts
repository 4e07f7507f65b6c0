import type { OptionProblem } from 'fastify-oidc-session-store'
import { createEmailDomainList, createEmailList, emailDomainProblem, emailProblem, type EmailList } from './email-list.ts'
import { boundNames, type PolicyRefusal } from './refusal.ts'
import { readRequirement } from './requirement.ts'
import { NO_RULE, type ReadRule, type Rule, type RuleReader } from './rule.ts'
import type { WrittenChoice } from './schema.ts'

interface Choice {
  readonly option: string
  readonly written: WrittenChoice | undefined
  problemOf (entry: string): string | null
  listOf (entries: readonly string[]): EmailList
}

const SEVERAL = 'is several of which nobody has more than one: write a list'

function emailRule ({ option, listOf }: Choice, anyOf: readonly string[], noneOf: readonly string[]): Rule {
  const [allowed, excluded] = [listOf(anyOf), listOf(noneOf)]
  const refusal = (unmet: PolicyRefusal['unmet'], names: readonly string[], found: readonly string[], detail: string | null = null): PolicyRefusal => ({ option, unmet, names, found: boundNames(found), detail })
  return {
    judge ({ email }) {
      if (email === null) return refusal('absent', [], [], 'finds no e-mail address, or one that is not verified')
      if (anyOf.length > 0 && !allowed.covers(email)) return refusal('any_of', anyOf, [email])
      return excluded.covers(email) ? refusal('none_of', noneOf, [email]) : null
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
  const { written, option, problemOf } = choice
  if (written === undefined) return NO_RULE
  const { requirement, problems } = readRequirement(written, { bare: 'any_of', hasBlanks: true })
  const { allOf: [only, ...more], anyOf, noneOf } = requirement
  const single = only === undefined ? null : more.length > 0 ? SEVERAL : problemOf(only)
  const found = [...problems.map(({ path, message }) => ({ path: [option, ...path], message })), ...single === null ? [] : [{ path: [option], message: single }], ...problems.length > 0 ? [] : checkEntries(choice)]
  return found.length > 0 ? { rules: [], problems: found } : { rules: [emailRule(choice, only === undefined ? anyOf.flat() : [only], noneOf)], problems: [] }
}

export const readEmailRules: RuleReader = options => {
  const emails = readChoice({ option: 'allowed_emails', written: options.allowed_emails, problemOf: emailProblem, listOf: createEmailList })
  const domains = readChoice({ option: 'allowed_email_domains', written: options.allowed_email_domains, problemOf: emailDomainProblem, listOf: createEmailDomainList })
  return { rules: [...emails.rules, ...domains.rules], problems: [...emails.problems, ...domains.problems] }
}
