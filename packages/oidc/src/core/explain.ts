import type { FastifyRequest } from 'fastify'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import type { BearerTokens } from '../bearer/bearer-tokens.ts'
import { assumeToken, type VerifiedToken } from '../bearer/verdict.ts'
import { checkKind, takesTokens } from '../http/accepted-methods.ts'
import type { Admission } from '../http/admission.ts'
import { PresentedOidc } from '../http/presented-oidc.ts'
import { askedOf, type OpenRequests } from '../http/open-requests.ts'
import { isKnown } from '../http/refusal.ts'
import { refusalIn, toRefusalError } from '../http/refusal-error.ts'
import { ANONYMOUS, type RequestOidc } from '../http/request-oidc.ts'
import type { RoutePolicies } from '../http/route-policies.ts'
import { toStepUpError, type StepUp } from '../http/step-up.ts'
import { acceptsBearer } from '../options/bearer-options.ts'
import type { OidcSettings } from '../options/settings.ts'
import { describeRequirements } from '../policy/description.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import { explainRefusal, type PolicyRefusal } from '../policy/refusal.ts'
import type { PolicySubject } from '../policy/subject.ts'
import { explain as explainFault } from '../provider/fault.ts'

/** Who would call: with a token, which is verified, or with claims, which are taken as they are; null: nobody is known. */
export type ExplainedCaller = { readonly kind: 'token', readonly token: string } | { readonly kind: 'claims', readonly claims: Claims } | null

/** What would become of a request, and why. No token is in it. */
export interface Explanation {
  readonly verdict: 'pass' | 'refuse'
  /** Of the answer that a program gets; null: the request passes. */
  readonly status: number | null
  readonly code: string | null
  /** One line for a person. */
  readonly reason: string
  /** What the route requires, by option. */
  readonly required: ReadonlyArray<readonly [option: string, required: string]>
  /** Which rule refuses, and what it found; null: none does, or something else is in the way. */
  readonly refusal: PolicyRefusal | null
  /** What the caller is judged as; null: nobody is known. */
  readonly via: 'bearer' | 'session' | null
}

export interface ExplainRoom {
  readonly settings: OidcSettings
  readonly clock: Clock
  readonly policies: RoutePolicies
  readonly openRequests: OpenRequests | null
  readonly bearer: BearerTokens | null
  readonly stepUp: StepUp
  readonly admit: Admission
  bearerViewOf (verified: VerifiedToken): RequestOidc
}

type Verdict = Pick<Explanation, 'verdict' | 'status' | 'code' | 'reason' | 'refusal' | 'via'>

const passing = (reason: string, via: Explanation['via'] = null): Verdict => ({ verdict: 'pass', status: null, code: null, reason, refusal: null, via })

/** @throws what is not an error of ours */
function refusing (error: unknown, via: Explanation['via'], refusal: PolicyRefusal | null = null): Verdict {
  if (!isKnown(error)) throw error
  const reason = refusal === null ? error.cause === undefined ? error.message : explainFault(error.message, error) : explainRefusal(refusal)
  return { verdict: 'refuse', status: error.statusCode, code: error.code, reason, refusal, via }
}

const ANONYMOUS_VERDICTS: Readonly<Record<CompiledPolicy['unauthAction'], Verdict>> = {
  pass: passing('nobody is known, and unauth_action is pass'),
  auth: { verdict: 'refuse', status: 401, code: 'FST_OIDC_UNAUTHENTICATED', reason: 'nobody is known: a person is sent to the login, a program gets 401', refusal: null, via: null },
  deny: { verdict: 'refuse', status: 401, code: 'FST_OIDC_UNAUTHENTICATED', reason: 'nobody is known, and unauth_action is deny', refusal: null, via: null }
}

/** Says what would become of a request whose route is found, in place of guarding it. */
export function createExplain (room: ExplainRoom): (request: FastifyRequest, caller: ExplainedCaller) => Promise<Explanation> {
  const { settings, policies, openRequests, bearer } = room

  async function viewOf (request: FastifyRequest, caller: NonNullable<ExplainedCaller>, { authMethods }: CompiledPolicy): Promise<RequestOidc | null> {
    if (caller.kind === 'claims') return room.bearerViewOf(assumeToken(structuredClone(caller.claims), settings))
    const verified = await bearer?.verify(`Bearer ${caller.token}`, request.headers)
    if (verified === undefined || verified === null) return null
    checkKind(authMethods, verified)
    return room.bearerViewOf(verified)
  }

  /** Where bearer tokens are not looked at, the claims are those of a session. */
  function subjectOf (view: RequestOidc, { authMethods }: CompiledPolicy): PolicySubject | null {
    const subject = PresentedOidc.subjectOf(view)
    return subject === null || (acceptsBearer(settings) && takesTokens(authMethods)) ? subject : { ...subject, via: 'session', audience: 'held' }
  }

  async function judge (request: FastifyRequest, policy: CompiledPolicy, subject: PolicySubject): Promise<Verdict> {
    const via = subject.via === 'session' ? 'session' : 'bearer'
    const refusal = policy.judge(subject)
    if (refusal !== null) return refusing(toRefusalError(refusal), via, refusal)
    const shortage = policy.demand === null ? null : room.stepUp(policy, policy.demand, { request, subject, stored: null, redirects: false })
    if (shortage !== null && (shortage.kind === 'insufficient' || shortage.kind === 'unmet')) return refusing(toStepUpError(shortage), via, shortage.refusal)
    const objection = await room.admit(request, subject, false)
    return objection === null ? passing('every requirement is met', via) : refusing(objection, via, refusalIn(objection))
  }

  async function decide (request: FastifyRequest, policy: CompiledPolicy, caller: ExplainedCaller): Promise<Verdict> {
    const anonymous = bearer?.only === true ? ANONYMOUS_VERDICTS.deny : ANONYMOUS_VERDICTS[policy.unauthAction]
    if (caller === null) return anonymous
    if (caller.kind === 'token' && bearer !== null && !takesTokens(policy.authMethods)) return { ...anonymous, reason: `no bearer token is looked at here (auth_methods leave them out): ${anonymous.reason}` }
    if (caller.kind === 'token' && bearer === null) return { ...anonymous, reason: `no bearer token is looked at here (use_jwks, public_key and introspection_endpoint are not set): ${anonymous.reason}` }
    try {
      const view = await viewOf(request, caller, policy)
      const subject = view === null ? null : subjectOf(view, policy)
      if (view === null || subject === null) return anonymous
      request.oidc = view
      return await judge(request, policy, subject)
    } catch (error) {
      return refusing(error, null)
    }
  }

  return async (request, caller) => {
    request.oidc = ANONYMOUS
    const policy = policies.policyOf(request)
    if (policy === null) return { ...passing('the route is open to everyone'), required: [] }
    const required = describeRequirements(policy.options)
    const verdict = await decide(request, policy, caller)
    const rule = verdict.verdict === 'pass' || verdict.code === 'FST_OIDC_BEARER_INVALID' ? null : openRequests?.ruleFor(request, askedOf(request)) ?? null
    return rule === null ? { ...verdict, required } : { ...passing(`a rule lets it pass (${rule}), whatever the policy says: ${verdict.reason}`, verdict.via), refusal: verdict.refusal, required }
  }
}
