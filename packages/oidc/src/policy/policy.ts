import type { AcceptedMethods } from './auth-methods.ts'
import type { PolicyRefusal } from './refusal.ts'
import type { PolicyGround, Rule } from './rule.ts'
import type { PolicyOptions } from './schema.ts'
import type { Demand } from './step-up.ts'
import type { PolicySubject } from './subject.ts'

/** A policy with nothing left open. */
export interface CompiledPolicy {
  readonly unauthAction: 'auth' | 'deny' | 'pass'
  readonly crossSite: 'allow' | 'refuse'
  /** What the login must have been like, whoever it was; null: any will do. */
  readonly demand: Demand | null
  readonly authMethods: AcceptedMethods
  /** What it was made of, for who wants to read it. */
  readonly options: PolicyOptions
  readonly ground: PolicyGround
  /** Why somebody who is authenticated may not pass; null: they may. Found out once for each of them, and again when a file of addresses was read again. */
  judge (subject: PolicySubject): PolicyRefusal | null
}

function ask (rules: readonly Rule[], subject: PolicySubject): PolicyRefusal | null {
  for (const rule of rules) {
    const refusal = rule.judge(subject)
    if (refusal !== null) return refusal
  }
  return null
}

export function createPolicy (options: PolicyOptions, ground: PolicyGround, rules: readonly Rule[], { demand, authMethods }: Pick<CompiledPolicy, 'demand' | 'authMethods'>): CompiledPolicy {
  const file = options.allowed_emails_file === undefined ? null : ground.emailFile
  let verdicts = new WeakMap<PolicySubject, PolicyRefusal | null>()
  let version = file?.version
  return {
    unauthAction: options.unauth_action,
    crossSite: options.cross_site,
    demand,
    authMethods,
    options,
    ground,
    judge (subject) {
      if (rules.length === 0) return null
      if (file !== null && file.version !== version) {
        verdicts = new WeakMap()
        version = file.version
      }
      const known = verdicts.get(subject)
      if (known !== undefined) {
        ground.verdicts.hits++
        return known
      }
      ground.verdicts.misses++
      const verdict = ask(rules, subject)
      verdicts.set(subject, verdict)
      return verdict
    }
  }
}
