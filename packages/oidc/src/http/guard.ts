import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Clock, StoredSession } from 'fastify-oidc-session-store'
import type { CookieJar } from '../cookie/jar.ts'
import { BearerRequiredError, ClaimsInvalidError, CrossSiteError, UnauthenticatedError } from '../errors.ts'
import { accepts } from '../policy/auth-methods.ts'
import type { CompiledPolicy } from '../policy/policy.ts'
import type { Demand } from '../policy/step-up.ts'
import type { Reauthentication } from '../session/reauthentication.ts'
import type { Resumed, Sessions } from '../session/sessions.ts'
import { isSettled } from './accepted-methods.ts'
import type { Admission } from './admission.ts'
import type { Authorization } from './authorization.ts'
import { subjectOf } from './caller-subject.ts'
import { checkClaims } from './claim-problem.ts'
import { decideAnonymous, decideAuthenticated, type Decision } from './decision.ts'
import { isCrossSite, isNavigation, isUnsafe, isUpgrade, isVisit } from './navigation.ts'
import { askedOf, type Asked, type OpenRequests } from './open-requests.ts'
import { ANONYMOUS, SessionOidc } from './request-oidc.ts'
import { toRefusalError } from './refusal-error.ts'
import { originOf } from './return-to.ts'
import type { SessionView } from './session-view.ts'
import { toStepUpError, type StepUp } from './step-up.ts'

export interface GuardRoom {
  readonly authorization: Authorization
  /** With `bearer_only`: no session is looked at. */
  readonly tokensOnly: boolean
  readonly jar: CookieJar
  readonly sessions: Sessions
  /** null: a session is enough for every visit. */
  readonly reauthentication: Reauthentication | null
  readonly clock: Clock
  viewOf (session: StoredSession['session']): SessionView
  /** null: there is no rule that lets anybody pass without a session. */
  readonly openRequests: OpenRequests | null
  /** No person looks at the answer, whatever the request says. */
  isForProgram (request: FastifyRequest): boolean
  /** The answer carries a cookie of this caller. */
  onCarried (request: FastifyRequest, reply: FastifyReply): void
  readonly admit: Admission
  /** null: the route is open. */
  policyOf (request: FastifyRequest): CompiledPolicy | null
  /** An answer of the provider on a path that has no route of ours. */
  isInPlaceCallback (request: FastifyRequest, policy: CompiledPolicy): boolean
  callback (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
  login (request: FastifyRequest, reply: FastifyReply, demand: Demand | null): Promise<FastifyReply>
  /** Past any page that offers a login. */
  loginAnew (request: FastifyRequest, reply: FastifyReply, demand: Demand): Promise<FastifyReply>
  readonly stepUp: StepUp
  /** False: the provider cannot be asked now, and nothing was sent. */
  loginSilently (request: FastifyRequest, reply: FastifyReply, stored: StoredSession): Promise<boolean>
  refuse (request: FastifyRequest, reply: FastifyReply, error: unknown, event: string, details: { readonly policy: CompiledPolicy }): FastifyReply
}

/** How a guard asks on behalf of somebody else, such as a proxy that answers the browser itself. */
export interface GuardOptions {
  /** False: no answer is a redirect. Who would be sent to the provider with a session is nobody. */
  readonly redirects?: boolean
  /** The method that is judged. Default: the request's. */
  readonly methodOf?: (request: FastifyRequest) => string
  /** What `skip_auth_routes` and its like are asked about. Default: nothing, and they let nobody pass. */
  readonly askedOf?: (request: FastifyRequest) => Asked
}

/** Finds out who calls, and lets pass who may. */
export interface Guard {
  /** The `onRequest` hook. */
  handle (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined>
  /** The same for a policy that is not the route's. */
  enforce (request: FastifyRequest, reply: FastifyReply, policy: CompiledPolicy, options?: GuardOptions): Promise<FastifyReply | undefined>
  /** The session that the browser carries, as it is. */
  peek (request: FastifyRequest): Promise<StoredSession | null>
}

/** The session that the guard found for this request. */
export function sessionOf (request: FastifyRequest): StoredSession | null {
  return SessionOidc.storedOf(request.oidc)
}

const DEFAULTS: GuardOptions = {}
/** Of a route: what it serves is what the rules are asked about. */
const ROUTES: GuardOptions = { askedOf }
/** Refused for what they may do, and not for who they are or where they come from. */
const isIdentified = (decision: Decision): boolean => decision.kind === 'refused' && decision.refusal.option === 'required_scopes'

const TOO_MANY = 429

/** Nobody to us: there is no token where only tokens count, the claims do not hold, or no more guesses are looked at. */
const isUnidentified = (error: unknown): boolean => error instanceof BearerRequiredError || error instanceof ClaimsInvalidError || (error as { statusCode?: unknown }).statusCode === TOO_MANY

export function createGuard (room: GuardRoom): Guard {
  const { jar, sessions, clock, authorization } = room

  /** The first session that lives, of those that the browser carries. */
  async function resume (request: FastifyRequest, reply: FastifyReply): Promise<StoredSession | null> {
    let over: Extract<Resumed, { kind: 'over' }> | null = null
    for (const handle of jar.read(request)) {
      const result = await sessions.resume(handle, isUpgrade(request) ? 'upgrade' : 'reply')
      if (result.kind === 'live') {
        if (result.changed) carry(request, reply, result.stored)
        return result.stored
      }
      if (result.kind === 'over') over = result
    }
    if (over === null) return null
    if (over.cause !== null) request.log.info({ oidc: 'session.over', err: over.cause }, 'the session is over: the provider did not renew it')
    jar.clear(request, reply)
    return null
  }

  function carry (request: FastifyRequest, reply: FastifyReply, stored: StoredSession): void {
    jar.write(request, reply, stored, clock())
    room.onCarried(request, reply)
  }

  async function freshAccessToken (request: FastifyRequest, reply: FastifyReply): Promise<string | null> {
    const stored = sessionOf(request)
    if (stored === null) return request.oidc.accessToken
    const result = await sessions.refresh(stored, isUpgrade(request) || reply.sent || reply.raw.headersSent ? 'upgrade' : 'reply')
    if (result.kind !== 'live') return null
    if (result.changed) carry(request, reply, result.stored)
    const before = request.oidc
    identify(request, reply, result.stored)
    SessionOidc.carryOver(before, request.oidc)
    return request.oidc.accessToken
  }

  function identify (request: FastifyRequest, reply: FastifyReply, stored: StoredSession): SessionView {
    const view = room.viewOf(stored.session)
    request.oidc = new SessionOidc(stored, view, clock(), { request, reply, freshAccessToken })
    return view
  }

  function isForeignWrite (request: FastifyRequest, policy: CompiledPolicy, method: string): boolean {
    return policy.crossSite === 'refuse' && isUnsafe(request, method) && isCrossSite(request, () => originOf(request))
  }

  /** Whether the session does for this visit, or the browser is on its way to the provider. */
  async function meetDemand (reauthentication: Reauthentication, request: FastifyRequest, reply: FastifyReply, stored: StoredSession, redirects: boolean): Promise<'identified' | 'nobody' | 'sent'> {
    switch (await reauthentication.demand(stored)) {
      case 'nothing': return 'identified'
      case 'login': return 'nobody'
      case 'silent': return !redirects ? 'nobody' : await room.loginSilently(request, reply, stored) ? 'sent' : 'identified'
    }
  }

  /** True: an answer was sent. */
  async function identifySession (request: FastifyRequest, reply: FastifyReply, redirects: boolean): Promise<boolean> {
    if (room.tokensOnly) throw new BearerRequiredError()
    const stored = await resume(request, reply)
    if (stored === null) return false
    const { reauthentication } = room
    const met = reauthentication === null || !isVisit(request) || room.isForProgram(request) ? 'identified' : await meetDemand(reauthentication, request, reply, stored, redirects)
    if (met !== 'identified') return met === 'sent'
    checkClaims(identify(request, reply, stored).claimProblem)
    return false
  }

  function decide (request: FastifyRequest, policy: CompiledPolicy, { methodOf, redirects = true }: GuardOptions): Decision {
    const subject = subjectOf(request.oidc)
    if (subject === null) return decideAnonymous(policy, { isNavigation: isNavigation(request) && !room.isForProgram(request) })
    const method = methodOf === undefined ? request.method : methodOf(request)
    const decision = decideAuthenticated(policy, subject, { isForeignWrite: isForeignWrite(request, policy, method) })
    if (policy.demand === null || decision.kind !== 'pass') return decision
    return room.stepUp(policy, policy.demand, { request, subject, stored: sessionOf(request), redirects }) ?? decision
  }

  /** Does a rule let pass whom the policy does not? */
  function isOpened (request: FastifyRequest, { askedOf: ask }: GuardOptions): boolean {
    if (room.openRequests === null || ask === undefined) return false
    const rule = room.openRequests.ruleFor(request, ask(request))
    if (rule !== null) request.log.debug({ oidc: 'opened', rule }, 'a rule lets this request pass')
    return rule !== null
  }

  async function passUnless (asked: Promise<Error | null>, request: FastifyRequest, reply: FastifyReply, policy: CompiledPolicy, options: GuardOptions): Promise<FastifyReply | undefined> {
    const objection = await asked
    return objection === null || isOpened(request, options) ? undefined : room.refuse(request, reply, objection, 'refused', { policy })
  }

  function carryOut (decision: Decision, request: FastifyRequest, reply: FastifyReply, policy: CompiledPolicy, options: GuardOptions): FastifyReply | undefined | Promise<FastifyReply | undefined> {
    if (decision.kind !== 'pass' && isOpened(request, options)) {
      if (!isIdentified(decision)) request.oidc = ANONYMOUS
      return undefined
    }
    switch (decision.kind) {
      case 'login': return room.login(request, reply, policy.demand)
      case 'step-up': return room.loginAnew(request, reply, decision.demand)
      case 'insufficient':
      case 'unmet': return room.refuse(request, reply, toStepUpError(decision), 'refused', { policy })
      case 'pass': {
        const asked = room.admit(request, subjectOf(request.oidc), authorization.isMistaken(request))
        return asked === null ? undefined : passUnless(asked, request, reply, policy, options)
      }
      case 'unauthenticated': return room.refuse(request, reply, new UnauthenticatedError(), 'refused', { policy })
      case 'cross-site': return room.refuse(request, reply, new CrossSiteError(), 'refused', { policy })
      case 'refused': return room.refuse(request, reply, toRefusalError(decision.refusal), 'refused', { policy })
    }
  }

  async function enforce (request: FastifyRequest, reply: FastifyReply, policy: CompiledPolicy, options: GuardOptions = DEFAULTS): Promise<FastifyReply | undefined> {
    const { redirects = true } = options
    const { authMethods: methods } = policy
    try {
      if (!isSettled(methods, request.oidc)) {
        request.oidc = ANONYMOUS
        const presented = authorization.identify(request, methods)
        const isKnown = typeof presented === 'boolean' ? presented : await presented
        if (!isKnown && (room.tokensOnly || accepts(methods, 'session')) && await identifySession(request, reply, redirects && accepts(methods, 'authorization_code'))) return reply
      }
      const outcome = carryOut(decide(request, policy, options), request, reply, policy, options)
      return outcome instanceof Promise ? await outcome : outcome
    } catch (error) {
      if (isUnidentified(error) && isOpened(request, options)) {
        request.oidc = ANONYMOUS
        return undefined
      }
      return room.refuse(request, reply, error, 'refused', { policy })
    }
  }

  return {
    enforce,
    async peek (request) {
      for (const handle of jar.read(request)) {
        const stored = await sessions.peek(handle)
        if (stored !== null) return stored
      }
      return null
    },
    async handle (request, reply) {
      request.oidc = ANONYMOUS
      authorization.strip(request)
      const policy = room.policyOf(request)
      if (policy === null) return undefined
      if (room.isInPlaceCallback(request, policy) && !authorization.hasToken(request)) return await room.callback(request, reply)
      return await enforce(request, reply, policy, ROUTES)
    }
  }
}
