import type { OptionProblem } from 'fastify-oidc-session-store'
import { readClaim } from './claim-path.ts'
import { givenNames, readNames, type FoundNames } from './claim-names.ts'
import { boundNames } from './refusal.ts'
import { findShortfall, readRequirement, type Requirement, type RequirementForm } from './requirement.ts'
import { NO_RULE, type ReadRule, type Rule, type RuleReader } from './rule.ts'
import type { PolicyOptions } from './schema.ts'
import type { PolicySubject } from './subject.ts'

type ListOption = 'required_scopes' | 'allowed_groups' | 'required_groups' | 'audience'

/** How lists of names are read. */
export const LIST_FORMS: Readonly<Record<ListOption, RequirementForm>> = {
  required_scopes: { bare: 'all_of', hasBlanks: false },
  allowed_groups: { bare: 'any_of', hasBlanks: true },
  required_groups: { bare: 'all_of', hasBlanks: true },
  audience: { bare: 'any_of', hasBlanks: true }
}
const HIDDEN = 'cannot tell: the claim is not a list of names, or the provider keeps it elsewhere'

function listRule (option: ListOption, requirement: Requirement, namesOf: (subject: PolicySubject) => FoundNames): Rule {
  return {
    judge (subject) {
      const found = namesOf(subject)
      const shortfall = findShortfall(requirement, found)
      if (shortfall === null) return null
      const isHidden = shortfall.member === 'none_of' && !found.names.some(name => shortfall.names.includes(name))
      return { option, unmet: shortfall.member, names: shortfall.names, found: boundNames(found.names), detail: isHidden ? HIDDEN : null }
    }
  }
}

function readList (option: ListOption, options: PolicyOptions, namesOf: (subject: PolicySubject) => FoundNames): ReadRule {
  const written = options[option]
  if (written === undefined) return NO_RULE
  const { requirement, problems } = readRequirement(written, LIST_FORMS[option])
  if (problems.length > 0) return { rules: [], problems: problems.map(({ path, message }) => ({ path: [option, ...path], message })) }
  return { rules: [listRule(option, requirement, namesOf)], problems: [] }
}

export const readRequiredScopes: RuleReader = options => {
  const { scopes_claim: claim } = options
  return readList('required_scopes', options, claim === undefined ? ({ scopes }) => givenNames(scopes) : ({ sources }) => readNames(sources, claim, 'words'))
}

/** Rules that shut out what another one asks for. */
function findContradiction (options: PolicyOptions): OptionProblem[] {
  const { allowed_groups: allowed, required_groups: required } = options
  if (allowed === undefined || required === undefined) return []
  const [some, all] = [readRequirement(allowed, LIST_FORMS.allowed_groups).requirement, readRequirement(required, LIST_FORMS.required_groups).requirement]
  const names = [...all.allOf.filter(name => some.noneOf.includes(name)), ...some.allOf.filter(name => all.noneOf.includes(name))]
  const isHopeless = some.anyOf.length > 0 && some.anyOf.every(entry => entry.some(name => all.noneOf.includes(name)))
  if (names.length === 0 && !isHopeless) return []
  const what = names.length > 0 ? `both ask for and shut out ${names.map(name => JSON.stringify(name)).join(', ')}` : 'shut out between them every group that they ask for'
  return [{ path: ['required_groups'], message: `and allowed_groups ${what}: nobody can pass, so take one of them back` }]
}

export const readGroupRules: RuleReader = options => {
  const claim = options.groups_claim ?? 'groups'
  const namesOf = ({ sources }: PolicySubject): FoundNames => readNames(sources, claim, 'roles')
  const read = (['allowed_groups', 'required_groups'] as const).map(option => readList(option, options, namesOf))
  const problems = read.flatMap(({ problems }) => problems)
  return { rules: read.flatMap(({ rules }) => rules), problems: problems.length > 0 ? problems : findContradiction(options) }
}

/** `claim_validator.audience`, and `audience` beside it. */
export const readAudienceRules: RuleReader = (options, { acceptsBearer, audienceClaim, validatesAudience }) => {
  if (options.audience !== undefined && !acceptsBearer) return { rules: [], problems: [{ path: ['audience'], message: 'has no effect where no bearer tokens are accepted: set use_jwks, public_key or introspection_endpoint' }] }
  const validator: Rule = {
    judge: ({ audience }) => audience === 'held' ? null : { option: 'claim_validator.audience', unmet: audience === 'missing' ? 'absent' : 'any_of', names: [], found: [], detail: audience === 'missing' ? 'misses the claim' : null }
  }
  const path = [audienceClaim]
  const isAbsent = ({ sources }: PolicySubject): boolean => sources.every(source => [undefined, null, false].includes(readClaim(source(), path) as undefined))
  const own = readList('audience', options, ({ sources }) => readNames(sources, path, 'names'))
  const rules = own.rules.map(({ judge }): Rule => ({
    judge (subject) {
      if (subject.via === 'session') return null
      const refusal = judge(subject)
      return refusal !== null && isAbsent(subject) ? { ...refusal, unmet: 'absent', detail: 'misses the claim' } : refusal
    }
  }))
  return { rules: [...validatesAudience ? [validator] : [], ...rules], problems: own.problems }
}
