import type { Audience } from '../bearer/claims.ts'
import { missingScopes, type CompiledPolicy, type PolicyIdentity } from '../policy/policy.ts'

export type Decision =
  | { readonly kind: 'pass' }
  | { readonly kind: 'login' }
  | { readonly kind: 'unauthenticated' }
  | { readonly kind: 'cross-site' }
  | { readonly kind: 'missing scopes', readonly scopes: readonly string[] }
  | { readonly kind: 'missing audience' }
  | { readonly kind: 'mismatched audience' }

const PASS: Decision = { kind: 'pass' }
const LOGIN: Decision = { kind: 'login' }
const UNAUTHENTICATED: Decision = { kind: 'unauthenticated' }
const CROSS_SITE: Decision = { kind: 'cross-site' }
const AUDIENCES: Readonly<Record<Audience, Decision>> = { held: PASS, missing: { kind: 'missing audience' }, mismatched: { kind: 'mismatched audience' } }

/** May somebody with a session pass? A foreign write is an unsafe method or an upgrade that another site sends. */
export function decideAuthenticated (policy: CompiledPolicy, identity: PolicyIdentity, { isForeignWrite }: { readonly isForeignWrite: boolean }): Decision {
  if (policy.crossSite === 'refuse' && isForeignWrite) return CROSS_SITE
  if (policy.requiredScopes.length === 0) return PASS
  const scopes = missingScopes(policy, identity)
  return scopes.length === 0 ? PASS : { kind: 'missing scopes', scopes }
}

/** May somebody with a token pass? No other site can send one, so where it comes from does not matter. */
export function decideBearer (policy: CompiledPolicy, identity: PolicyIdentity, audience: Audience): Decision {
  const scopes = missingScopes(policy, identity)
  return scopes.length === 0 ? AUDIENCES[audience] : { kind: 'missing scopes', scopes }
}

/** What becomes of somebody without one. */
export function decideAnonymous (policy: CompiledPolicy, { isNavigation }: { readonly isNavigation: boolean }): Decision {
  switch (policy.unauthAction) {
    case 'pass': return PASS
    case 'deny': return UNAUTHENTICATED
    case 'auth': return isNavigation ? LOGIN : UNAUTHENTICATED
  }
}
