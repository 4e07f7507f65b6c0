import type { FastifyRequest } from 'fastify'
import { ConsumerUnmappedError, ForbiddenError } from '../errors.ts'
import type { PolicySubject } from '../policy/subject.ts'
import type { Consumers } from './consumers.ts'
import { withRefusal } from './refusal-error.ts'

export interface AdmissionRoom {
  /** null: nobody is mapped to anything. */
  readonly consumers: Consumers | null
  /** The application's own word, after the policy's. */
  readonly authorize: ((request: FastifyRequest) => boolean | Promise<boolean>) | null
}

/**
 * What is in the way of somebody whom the policy lets pass; null: nothing. Whoever could not prove who they are is nobody, and no consumer either.
 * A promise only where somebody has to be asked.
 * @rejects FST_OIDC_CONSUMERS_UNAVAILABLE
 */
export type Admission = (request: FastifyRequest, subject: PolicySubject | null, hasFailed: boolean) => null | Promise<Error | null>

export function createAdmission ({ consumers, authorize }: AdmissionRoom): Admission {
  if (consumers === null && authorize === null) return () => null
  return async (request, subject, hasFailed) => {
    if (consumers !== null && (subject !== null || !hasFailed)) {
      const asked = consumers.admit(request, subject)
      const refusal = asked instanceof Promise ? await asked : asked
      if (refusal !== null) return withRefusal(new ConsumerUnmappedError(), refusal)
    }
    return authorize === null || !request.oidc.authenticated || await authorize(request) ? null : new ForbiddenError()
  }
}
