import { isReservedParameter, parsePattern } from 'fastify-oidc'
import type { OptionProblem } from 'fastify-oidc-session-store'

/** One text, or what an expression of RE2 finds something in. */
export type QueryRule = { readonly value: string } | { readonly pattern: string }

type Rules = Readonly<Record<string, readonly QueryRule[]>>
type Parameters = Record<string, readonly string[]>

const PLACE = 'authorization_params_from_query'
const MAX_VALUES = 10
const MAX_LENGTH = 512
/** Beside those that the login sets itself: where its answer comes from, and what renewals ask for as well. */
const OTHERS = ['response_mode', 'scope', 'rd']

function matcherOf (rule: QueryRule): ((text: string) => boolean) | string {
  if ('value' in rule) return text => text === rule.value
  const parsed = parsePattern(rule.pattern, { ignoresCase: false })
  return parsed.kind === 'problem' ? parsed.message : text => parsed.pattern.matches(text)
}

/** What is wrong with the rules. */
export function checkQueryRules (rules: Rules): OptionProblem[] {
  return Object.entries(rules).flatMap(([name, allowed]) => {
    if (isReservedParameter(name) || OTHERS.includes(name)) return [{ path: [PLACE, name], message: 'is not for callers to choose' }]
    return allowed.flatMap((rule, index) => {
      const matcher = matcherOf(rule)
      return typeof matcher === 'string' ? [{ path: [PLACE, name, String(index), 'pattern'], message: matcher }] : []
    })
  })
}

/** Takes parameters for the provider out of a query: of those that are named, the values that a rule allows. */
export function createQueryParameters (rules: Rules): (query: URLSearchParams) => Parameters {
  const matchers = Object.entries(rules).map(([name, allowed]) => [name, allowed.map(matcherOf).filter(matcher => typeof matcher !== 'string')] as const)
  return query => Object.fromEntries(matchers.flatMap(([name, matches]) => {
    const values = query.getAll(name).slice(0, MAX_VALUES).filter(value => value.length <= MAX_LENGTH && matches.some(match => match(value)))
    return values.length === 0 ? [] : [[name, values]]
  }))
}
