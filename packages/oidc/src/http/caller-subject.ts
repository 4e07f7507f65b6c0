import type { PolicySubject } from '../policy/subject.ts'
import { BearerOidc } from './bearer-oidc.ts'
import { BasicOidc } from './local-callers.ts'
import { SessionOidc, type RequestOidc } from './request-oidc.ts'

/** Who a policy looks at; null: nobody is known. */
export function subjectOf (oidc: RequestOidc): PolicySubject | null {
  return SessionOidc.subjectOf(oidc) ?? BearerOidc.subjectOf(oidc) ?? BasicOidc.subjectOf(oidc)
}
