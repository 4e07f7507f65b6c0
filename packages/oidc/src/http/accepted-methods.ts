import type { VerifiedToken } from '../bearer/verdict.ts'
import { invalidToken } from '../bearer/invalid.ts'
import { accepts, exchangedMethods, type AcceptedMethods } from '../policy/auth-methods.ts'
import { PresentedOidc } from './presented-oidc.ts'
import type { RequestOidc } from './request-oidc.ts'

/** Is a token looked at? Where none is, one that comes is as if it had not. */
export function takesTokens (methods: AcceptedMethods): boolean {
  return accepts(methods, 'bearer') || accepts(methods, 'introspection')
}

/**
 * A token is looked at once for all routes, and this one may take no token of its kind.
 * @throws FST_OIDC_BEARER_INVALID
 */
export function checkKind (methods: AcceptedMethods, { verifiedBy }: VerifiedToken): void {
  if (!accepts(methods, verifiedBy === 'introspection' ? 'introspection' : 'bearer')) throw invalidToken(`it was validated by ${verifiedBy}, which auth_methods leave out here`)
}

/** Another policy may have let somebody in by a way that this one leaves out: then it is found out anew. */
export function isSettled (methods: AcceptedMethods, oidc: RequestOidc): boolean {
  if (!oidc.authenticated) return false
  // The application vouches for them: where Basic is for the provider, that is nothing.
  if (oidc.via === 'basic') return exchangedMethods(methods).length === 0
  return methods === null && PresentedOidc.subjectOf(oidc)?.via !== 'basic'
}
