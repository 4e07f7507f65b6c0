import { missingScopes, type CompiledPolicy, type PolicyIdentity } from '../policy.ts'

/** What is known of a request beside who sends it. */
export interface RequestFacts {
  readonly isNavigation: boolean
  /** An unsafe method or an upgrade, sent by another site. */
  readonly isForeignWrite: boolean
}

export type Decision =
  | { readonly kind: 'pass' }
  | { readonly kind: 'login' }
  | { readonly kind: 'unauthenticated' }
  | { readonly kind: 'cross-site' }
  | { readonly kind: 'missing scopes', readonly scopes: readonly string[] }

const PASS: Decision = { kind: 'pass' }
const LOGIN: Decision = { kind: 'login' }
const UNAUTHENTICATED: Decision = { kind: 'unauthenticated' }
const CROSS_SITE: Decision = { kind: 'cross-site' }

/** May somebody with a session pass? */
export function decideAuthenticated (policy: CompiledPolicy, identity: PolicyIdentity, facts: RequestFacts): Decision {
  if (policy.crossSite === 'refuse' && facts.isForeignWrite) return CROSS_SITE
  if (policy.requiredScopes.length === 0) return PASS
  const scopes = missingScopes(policy, identity)
  return scopes.length === 0 ? PASS : { kind: 'missing scopes', scopes }
}

/** What becomes of somebody without one. */
export function decideAnonymous (policy: CompiledPolicy, facts: RequestFacts): Decision {
  switch (policy.unauthAction) {
    case 'pass': return PASS
    case 'deny': return UNAUTHENTICATED
    case 'auth': return facts.isNavigation ? LOGIN : UNAUTHENTICATED
  }
}
