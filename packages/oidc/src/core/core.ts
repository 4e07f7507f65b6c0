import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { endMarkLife, type Clock, type SessionCoordinator, type SessionStore, type StoredSession } from 'fastify-oidc-session-store'
import { clientKey, type CookieNames } from '../cookie/cookie-names.ts'
import { createCookieJar, type CookieJar } from '../cookie/jar.ts'
import { createTransactions } from '../cookie/transaction.ts'
import { createAdmission } from '../http/admission.ts'
import { createBasicChallenge } from '../http/basic-challenge.ts'
import type { Consumers } from '../http/consumers.ts'
import { createGuard, type Guard } from '../http/guard.ts'
import { createLoginAdvice } from '../http/login-advice.ts'
import { explainLostAttempt } from '../http/lost-attempt.ts'
import { createOpenRequests, type OpenRequests } from '../http/open-requests.ts'
import { createPrivateAnswers, type PrivateAnswers } from '../http/private-answers.ts'
import { createProgramRequests } from '../http/program-requests.ts'
import { createErrorPages, type ErrorPages } from '../http/error-page.ts'
import { createRefusal, type RefusalRoom } from '../http/refusal.ts'
import { createResourceChallenge } from '../http/resource-challenge.ts'
import { createReturnTargets, originOf, type ReturnTargets } from '../http/return-to.ts'
import { createRoutePolicies, type RoutePolicies } from '../http/route-policies.ts'
import type { ScopePaths } from '../http/scope-paths.ts'
import { createSessionViews } from '../http/session-view.ts'
import { createStepUp } from '../http/step-up.ts'
import { createLoginFinish } from '../login/finish.ts'
import { applyHooks, applyHooksToRefresh } from '../login/hooks.ts'
import { endHere, leaveUrl } from '../login/logout.ts'
import { createTallies, memoriesOf, type Memories } from '../memories.ts'
import { claimCheckOf } from '../options/claim-schema.ts'
import type { OidcHooks } from '../options/hooks.ts'
import { defaultPolicy } from '../options/policy-options.ts'
import { resourcesOf } from '../options/resource-metadata.ts'
import type { OidcSettings } from '../options/settings.ts'
import { createDomainList } from '../policy/domain-list.ts'
import type { EmailFile } from '../policy/email-file.ts'
import type { Provider } from '../provider/provider.ts'
import { verifyLogoutToken } from '../provider/logout-token.ts'
import { refreshTokens } from '../provider/token-refresh.ts'
import { createBackchannelLogout } from '../routes/backchannel-logout.ts'
import { createCallback } from '../routes/callback.ts'
import { createFrontchannelLogout } from '../routes/frontchannel-logout.ts'
import { createLogoutBudget } from '../routes/logout-budget.ts'
import { createLogoutRoute, type LogoutRoute } from '../routes/logout.ts'
import { contentsOf, reduceRefresh, type SessionContents } from '../session/contents.ts'
import type { Lifetimes } from '../session/lifetime.ts'
import type { LocalUsersPlace } from '../session/local-users.ts'
import { createReauthentication, type Reauthentication } from '../session/reauthentication.ts'
import { createRenewal, type SessionRenewal } from '../session/renewal.ts'
import { createSessionEnds, type SessionEnds } from '../session/session-ends.ts'
import { createSessions, type Sessions } from '../session/sessions.ts'
import { createCallers } from './callers.ts'
import type { LoginOffer } from './fastify-oidc.ts'
import type { InPlace } from './in-place.ts'
import { createLogin, createVisitAnswer, type CookieRooms, type Login } from './login.ts'
import { createExplain } from './explain.ts'
import { createObserver, type Observer } from './observer.ts'
import { createRevocation, isKnownTo, type Revoke } from './revocation.ts'
import { createSilentEnd, createSilentLogin } from './silent-login.ts'

/** What a core stands on. */
export interface CoreGround {
  readonly settings: OidcSettings
  readonly hooks: OidcHooks<FastifyRequest>
  readonly provider: Provider
  readonly store: SessionStore
  readonly coordinator: SessionCoordinator
  readonly localUsers: LocalUsersPlace<FastifyRequest>
  /** Of `allowed_emails_file`; null: there is none. */
  readonly emailFile: EmailFile | null
  /** null: nobody is mapped to anything. */
  readonly consumers: Consumers | null
  /** @rejects FST_OIDC_CONSUMERS_UNAVAILABLE */
  consumersReady (): Promise<void>
  readonly paths: ScopePaths
  readonly names: CookieNames
  /** Bytes that our cookies may take in a request. */
  readonly budget: number
  readonly log: FastifyBaseLogger
  readonly clock: Clock
  readonly inPlace: InPlace
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>

/** The rooms of one core, wired. */
export interface Core extends SessionRooms {
  readonly jar: CookieJar
  readonly observer: Observer
  readonly policies: RoutePolicies
  readonly memories: Memories
  readonly openRequests: OpenRequests | null
  readonly guard: Guard
  readonly privateAnswers: PrivateAnswers
  readonly logout: LogoutRoute
  readonly callback: Handler
  readonly backchannelLogout: Handler
  readonly frontchannelLogout: Handler
  readonly revoke: Revoke
  readonly targets: ReturnTargets
  readonly refuse: Refuse
  readonly errorPages: ErrorPages
  /** No person looks at the answer, whatever the request says. */
  isForProgram (request: FastifyRequest): boolean
  readonly login: Login
  readonly explain: ReturnType<typeof createExplain>
  offerLogin (offer: LoginOffer): void
}

interface SessionRooms {
  readonly lifetimes: Lifetimes
  readonly contents: SessionContents
  readonly ends: SessionEnds
  readonly renewal: SessionRenewal
  readonly reauthentication: Reauthentication | null
  readonly sessions: Sessions
}

function lifetimesOf ({ session }: OidcSettings): Lifetimes {
  return { lifetime: session.cookie.lifetime, idling: session.idling_timeout ?? null, rolling: session.rolling_timeout ?? null, absolute: session.absolute_timeout }
}

function createSessionRooms ({ settings, hooks, provider, store, coordinator, localUsers, clock }: CoreGround, observer: Observer): SessionRooms {
  const lifetimes = lifetimesOf(settings)
  const contents = contentsOf(settings)
  const leeway = settings.access_token_expires_leeway
  const ends = createSessionEnds({ coordinator, store, clock, onListenerFailed: error => { observer.warn('session.end', 'a listener of an ended session failed', error) } })
  const renewal = createRenewal({
    store,
    coordinator,
    lifetimes,
    clock,
    leeway,
    timeout: settings.timeout,
    refresh: async (refreshToken, subject) => reduceRefresh(applyHooksToRefresh(hooks, await refreshTokens(provider, settings, { refreshToken, subject }, clock)), contents),
    onRenewed: session => { observer.tell('renewal', session.id) },
    onFailed: observer.renewalFailed
  })
  const client = { discovery: settings.discovery, clientId: settings.client_id }
  const sessions = createSessions({ store, renewal, ends, localUsers, lifetimes, clock, leeway, renews: settings.renew_access_token_on_expiry, client })
  return { lifetimes, contents, ends, renewal, reauthentication: createReauthentication(settings, { coordinator, clock }), sessions }
}

type Refuse = ReturnType<typeof createRefusal>

function createAnswer (ground: CoreGround, rooms: SessionRooms & CookieRooms, core: Pick<Core, 'observer' | 'login' | 'guard'>, refuse: Refuse): Handler {
  const { settings, provider, hooks, store, clock, paths } = ground
  const { observer } = core
  const finish = createLoginFinish({
    provider,
    settings,
    store,
    lifetimes: rooms.lifetimes,
    contents: rooms.contents,
    clock,
    onLogin: async session => await applyHooks(hooks, session),
    onUserinfoFailed: error => { observer.warn('userinfo.failed', 'the login goes on without userinfo', error) }
  })
  return createCallback({
    jar: rooms.jar,
    transactions: rooms.transactions,
    finish,
    store,
    clock,
    home: paths.home,
    targets: rooms.targets,
    goesOnByPage: settings.session.cookie_same_site === 'Strict',
    seeOther: () => ground.inPlace.stands ? 303 : 302,
    originOf,
    redirectUriOf: paths.redirectUriOf,
    peek: core.guard.peek,
    ...createSilentEnd(ground, rooms.reauthentication, observer),
    restart: async (request, reply, restarts) => await core.login(request, reply, { returnTo: paths.home, restarts, prompt: null }),
    refuse,
    explainLost: (request, lost) => explainLostAttempt(lost, request, settings, rooms.advice.stray),
    onCarried: (request, reply) => { rooms.advice.setsCookies(request, reply, '') },
    onFinished (request, { session }) {
      observer.tell('login', session.id)
      request.log.info({ oidc: 'login', sessionId: session.id }, 'logged in')
    },
    onFailed: error => { observer.tell('login.failed', null, error) }
  })
}

/** Every instance hears of it, streams of the session end, and the application is told. */
function announceLogout ({ coordinator, clock, settings, hooks }: CoreGround, observer: Observer) {
  return async (request: FastifyRequest, stored: StoredSession | null): Promise<void> => {
    if (stored === null) return
    const { id, subject } = stored.session
    await coordinator.end({ id }, clock(), clock() + endMarkLife(settings.session.absolute_timeout))
    observer.tell('logout', id)
    request.log.info({ oidc: 'logout', sessionId: id }, 'logged out')
    await hooks.onLogout?.({ sessionId: id, subject })
  }
}

function createLogout (ground: CoreGround, jar: CookieJar, core: Pick<Core, 'observer' | 'guard'>, refuse: Refuse): LogoutRoute {
  const { settings, provider, store, paths } = ground
  const { observer, guard } = core
  const room = { provider, settings, store, onProviderFailed (error: Error) { observer.warn('logout.provider', 'logged out here, and not at the provider', error) } }
  return createLogoutRoute({
    jar,
    path: paths.logout,
    home: paths.home,
    postLogoutRedirectUri: settings.post_logout_redirect_uri ?? null,
    confirmsForeign: settings.security_profile !== 'apisix',
    originOf,
    peek: guard.peek,
    endHere: async stored => { await endHere(room, stored) },
    leaveUrl: async (stored, returnTo) => await leaveUrl(room, stored, returnTo),
    refuse,
    onEnded: announceLogout(ground, observer)
  })
}

function createProviderLogouts ({ provider, settings, store, coordinator, clock }: CoreGround, revoke: Revoke, refuse: Refuse): Pick<Core, 'backchannelLogout' | 'frontchannelLogout'> {
  const checks = { clientId: settings.client_id, clientSecret: settings.client_secret, slack: settings.iat_slack, acceptsUnsigned: false, acceptsUnsupported: false, profile: settings.security_profile, verifiesTls: settings.ssl_verify, clock }
  const budget = createLogoutBudget({ life: endMarkLife(settings.session.absolute_timeout), nowMs: () => performance.now() })
  return {
    backchannelLogout: createBackchannelLogout({ coordinator, clock, owner: clientKey(settings), slack: settings.iat_slack, verify: async token => await verifyLogoutToken(token, await provider.client(), checks), revoke, refuse }),
    frontchannelLogout: createFrontchannelLogout({ clock, budget, isKnown: async target => await isKnownTo(store, target), issuer: async () => (await provider.client()).issuer, revoke, refuse })
  }
}

/** Wires the rooms of one core. */
export function createCore (ground: CoreGround): Core {
  const { settings, provider, names, budget, clock, log, hooks } = ground
  const issuer = (): string | null => provider.issuer
  const observer = createObserver({ log, clientId: settings.client_id, issuer })
  const jar = createCookieJar(settings, names, budget)
  const transactions = createTransactions(settings, names, budget, clock)
  const rooms = { ...createSessionRooms(ground, observer), jar, transactions, advice: createLoginAdvice(settings), targets: createReturnTargets(createDomainList(settings.whitelist_domains ?? [])) }
  const openRequests = createOpenRequests(settings)
  const tallies = createTallies()
  const isForProgram = createProgramRequests(settings)
  const policies = createRoutePolicies({ resources: resourcesOf(settings), baseOf: resource => defaultPolicy(settings, { emailFile: ground.emailFile, resource, verdicts: tallies.policyDecisions }).policy }, log, openRequests)
  const errorPages = createErrorPages()
  const [challenge, challengeBasic] = [createResourceChallenge(), createBasicChallenge(settings.realm)]
  const refusal: RefusalRoom = { clientId: settings.client_id, realm: settings.realm, pages: errorPages, issuer, challengeMore: (request, enforced) => challenge(policies.policyOf(request), enforced), challengeBasic: (request, enforced, code) => challengeBasic(enforced ?? policies.policyOf(request), code) }
  const refuse = createRefusal(refusal)
  const login = createLogin(ground, rooms)
  const privateAnswers = createPrivateAnswers()
  const visit = createVisitAnswer(login)
  const viewOf = createSessionViews(settings, claimCheckOf(settings), tallies.identities)
  const { bearer, authorization, bearerViewOf } = createCallers(ground, viewOf, tallies)
  const admit = createAdmission({ consumers: ground.consumers, authorize: hooks.authorize ?? null })
  const stepUp = createStepUp({ clock, slack: settings.iat_slack, isForProgram })
  const guard = createGuard({
    authorization,
    tokensOnly: settings.bearer_only,
    jar,
    sessions: rooms.sessions,
    reauthentication: rooms.reauthentication,
    clock,
    viewOf,
    onCarried (request, reply) {
      privateAnswers.mark(reply)
      rooms.advice.setsCookies(request, reply, '')
    },
    policyOf: policies.policyOf,
    admit,
    openRequests,
    isForProgram,
    isInPlaceCallback: (request, policy) => ground.inPlace.recognizes(request, policy, rooms),
    callback: async (request, reply) => await callback(request, reply),
    login: visit.answer,
    loginAnew: visit.stepUp,
    stepUp,
    loginSilently: createSilentLogin(rooms.reauthentication, observer, login),
    refuse: createRefusal({ ...refusal, isForProgram })
  })
  const callback = createAnswer(ground, rooms, { observer, login, guard }, refuse)
  const revoke = createRevocation(ground, observer)
  const explain = createExplain({ settings, clock, policies, openRequests, bearer, stepUp, admit, bearerViewOf })
  return { ...rooms, ...createProviderLogouts(ground, revoke, refuse), observer, policies, memories: memoriesOf(tallies, ground.store), openRequests, guard, refuse, errorPages, isForProgram, explain, privateAnswers, login, offerLogin: visit.offer, callback, revoke, logout: createLogout(ground, jar, { observer, guard }, refuse) }
}
