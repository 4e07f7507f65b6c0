import { LIST_FORMS } from './list-rules.ts'
import { readRequirement } from './requirement.ts'
import type { PolicyOptions } from './schema.ts'

/** Scopes that do for a policy, each alternative by itself; where none are required there is one, and it is empty. */
export function scopeAlternatives ({ required_scopes: written }: Pick<PolicyOptions, 'required_scopes'>): ReadonlyArray<readonly string[]> {
  if (written === undefined) return [[]]
  const { allOf, anyOf } = readRequirement(written, LIST_FORMS.required_scopes).requirement
  return anyOf.length === 0 ? [allOf] : anyOf.map(entry => [...new Set([...allOf, ...entry])])
}

/** Every scope that some policy asks for, in the order in which they are first named. */
export function scopesAskedFor (policies: ReadonlyArray<Pick<PolicyOptions, 'required_scopes'>>): readonly string[] {
  return [...new Set(policies.flatMap(scopeAlternatives).flat())]
}
