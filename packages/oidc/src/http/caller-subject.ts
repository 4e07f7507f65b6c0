import type { PolicySubject } from '../policy/subject.ts'
import { PresentedOidc } from './presented-oidc.ts'
import { SessionOidc, type RequestOidc } from './request-oidc.ts'

/** Who a policy looks at; null: nobody is known. */
export function subjectOf (oidc: RequestOidc): PolicySubject | null {
  return SessionOidc.subjectOf(oidc) ?? PresentedOidc.subjectOf(oidc)
}
