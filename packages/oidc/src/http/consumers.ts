import type { FastifyRequest } from 'fastify'
import type { ConsumerMapper, Outcome } from '../consumer/consumer-mapping.ts'
import type { PolicyRefusal } from '../policy/refusal.ts'
import type { PolicySubject } from '../policy/subject.ts'
import type { ConsumerView } from './consumer-view.ts'
import { PresentedOidc } from './presented-oidc.ts'
import { ANONYMOUS, SessionOidc, type RequestOidc } from './request-oidc.ts'

/** Says of requests which consumer they are. */
export interface Consumers {
  /**
   * Why there is no consumer, where there must be one; null: nothing is in the way.
   * @throws FST_OIDC_CONSUMERS_UNAVAILABLE
   */
  admit (request: FastifyRequest, subject: PolicySubject | null): PolicyRefusal | null | Promise<PolicyRefusal | null>
}

/** Gives a caller a consumer, or takes away the one of an earlier request of the same caller; who a caller is does not change. */
function assign (oidc: RequestOidc, view: ConsumerView | null): void {
  if (!SessionOidc.assign(oidc, view)) PresentedOidc.assign(oidc, view)
}

function accept (request: FastifyRequest, outcome: Outcome<ConsumerView>): PolicyRefusal | null {
  assign(request.oidc, outcome.kind === 'mapped' ? outcome.mapping : null)
  return outcome.kind === 'mapped' ? null : outcome.refusal
}

export function createConsumers (mapper: ConsumerMapper<ConsumerView>): Consumers {
  const strangers = new WeakMap<ConsumerView, RequestOidc>()

  function acceptStranger (request: FastifyRequest, view: ConsumerView | null): null {
    if (view === null) return null
    const stranger = strangers.get(view) ?? Object.freeze({ ...ANONYMOUS, consumer: view.consumer, identityHeaders: view.headersBeside(ANONYMOUS.identityHeaders) })
    strangers.set(view, stranger)
    request.oidc = stranger
    return null
  }

  return {
    admit (request, subject) {
      if (subject === null) {
        const view = mapper.mapNobody()
        return view instanceof Promise ? view.then(late => acceptStranger(request, late)) : acceptStranger(request, view)
      }
      const outcome = mapper.map(subject)
      return outcome instanceof Promise ? outcome.then(late => accept(request, late)) : accept(request, outcome)
    }
  }
}
