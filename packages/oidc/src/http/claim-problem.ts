import { ClaimsInvalidError } from '../errors.ts'

/** null: the claims hold. @throws FST_OIDC_CLAIMS_INVALID */
export function checkClaims (claimProblem: string | null): void {
  if (claimProblem !== null) throw Object.assign(new ClaimsInvalidError(), { cause: new Error(`claim validation failed: ${claimProblem}`) })
}
