import type { FastifyRequest } from 'fastify'
import type { Clock, StoredSession } from 'fastify-oidc-session-store'
import { StepUpRequiredError, StepUpUnmetError } from '../errors.ts'
import { accepts } from '../policy/auth-methods.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { describeDemand, findShortage, loginSlack, refuseShortage, type Demand } from '../policy/step-up.ts'
import type { PolicySubject } from '../policy/subject.ts'
import type { Decision } from './decision.ts'
import { isNavigation } from './navigation.ts'
import { withRefusal } from './refusal-error.ts'

/** Who calls, and how. */
export interface StepUpCaller {
  readonly request: FastifyRequest
  readonly subject: PolicySubject
  /** null: no session is behind it. */
  readonly stored: StoredSession | null
  /** False: no answer is a redirect. */
  readonly redirects: boolean
}

/** Says what becomes of somebody who is known, but not as `acr_values` and `max_age` want it; null: they are met. */
export type StepUp = (policy: CompiledPolicy, demand: Demand, caller: StepUpCaller) => Decision | null

export interface StepUpRoom {
  readonly clock: Clock
  /** Difference of clocks that is tolerated, in seconds. */
  readonly slack: number
  isForProgram (request: FastifyRequest): boolean
}

/** Seconds for which a provider that did not give what it was asked for is not asked again. */
const UNMET_LIFE = 300

export function createStepUp ({ clock, slack, isForProgram }: StepUpRoom): StepUp {
  /** It stands in the session itself, so that no instance sends a browser round for ever. */
  function wasInVain ({ session }: StoredSession, { key }: Demand): boolean {
    return session.assurance?.unmet === key && clock() - session.authenticatedAt < UNMET_LIFE
  }

  return (policy, demand, { request, subject, stored, redirects }) => {
    const now = clock()
    const shortage = findShortage(demand, subject.proof, now, subject.via === 'session' ? loginSlack(slack) : slack)
    if (shortage === null) return null
    const refusal = refuseShortage(shortage, demand, subject.proof, now)
    if (stored !== null && wasInVain(stored, demand)) return { kind: 'unmet', demand, refusal }
    const canLogIn = stored !== null && redirects && policy.unauthAction === 'auth' && accepts(policy.authMethods, 'authorization_code') && isNavigation(request) && !isForProgram(request)
    return canLogIn ? { kind: 'step-up', demand } : { kind: 'insufficient', demand, refusal }
  }
}

const demands = new WeakMap<Error, Demand>()

/** What was required goes with it, and what was found for the log. */
export function toStepUpError ({ kind, demand, refusal }: Extract<Decision, { readonly kind: 'insufficient' | 'unmet' }>): Error {
  const error = withRefusal(kind === 'unmet' ? new StepUpUnmetError(describeDemand(demand)) : new StepUpRequiredError(describeDemand(demand)), refusal)
  demands.set(error, demand)
  return error
}

/** What an error asks for; null: it is another one. */
export function demandIn (error: Error): Demand | null {
  return demands.get(error) ?? null
}
