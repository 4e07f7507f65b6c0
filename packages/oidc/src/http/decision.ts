import { accepts } from '../policy/auth-methods.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import type { PolicyRefusal } from '../policy/refusal.ts'
import type { Demand } from '../policy/step-up.ts'
import type { PolicySubject } from '../policy/subject.ts'

export type Decision =
  | { readonly kind: 'pass' }
  | { readonly kind: 'login' }
  | { readonly kind: 'unauthenticated' }
  | { readonly kind: 'cross-site' }
  | { readonly kind: 'refused', readonly refusal: PolicyRefusal }
  /** To the provider again, which is asked for more. */
  | { readonly kind: 'step-up', readonly demand: Demand }
  /** Whoever calls has to come back with more. */
  | { readonly kind: 'insufficient', readonly demand: Demand, readonly refusal: PolicyRefusal }
  /** The provider was asked already, and gave no more. */
  | { readonly kind: 'unmet', readonly demand: Demand, readonly refusal: PolicyRefusal }

const PASS: Decision = { kind: 'pass' }
const LOGIN: Decision = { kind: 'login' }
const UNAUTHENTICATED: Decision = { kind: 'unauthenticated' }
const CROSS_SITE: Decision = { kind: 'cross-site' }

/** What a request is beside who sends it. */
export interface RequestFacts {
  /** An unsafe method or an upgrade that another site sends. */
  readonly isForeignWrite: boolean
}

/** May somebody pass who is known? No other site can send a bearer token, so where that comes from does not matter; cookies, and passwords that a browser was told once, go along with whatever it sends. */
export function decideAuthenticated (policy: CompiledPolicy, subject: PolicySubject, { isForeignWrite }: RequestFacts): Decision {
  if (subject.via !== 'bearer' && policy.crossSite === 'refuse' && isForeignWrite) return CROSS_SITE
  const refusal = policy.judge(subject)
  return refusal === null ? PASS : { kind: 'refused', refusal }
}

/** What becomes of somebody who is not. */
export function decideAnonymous (policy: CompiledPolicy, { isNavigation }: { readonly isNavigation: boolean }): Decision {
  switch (policy.unauthAction) {
    case 'pass': return PASS
    case 'deny': return UNAUTHENTICATED
    case 'auth': return isNavigation && accepts(policy.authMethods, 'authorization_code') ? LOGIN : UNAUTHENTICATED
  }
}
