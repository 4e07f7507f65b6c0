import { randomBytes } from 'node:crypto'
import type { Claims, Clock, Session, SessionStore, StoredSession } from 'fastify-oidc-session-store'
import { AccessDeniedError, CallbackInvalidError, LoginRefusedError, StepUpUnmetError } from '../errors.ts'
import type { OidcSettings } from '../options/settings.ts'
import { describeDemand, type Demand } from '../policy/step-up.ts'
import { requestedScope } from '../provider/authorization.ts'
import { exchangeCode, type CodeExchange } from '../provider/code-exchange.ts'
import { ProviderFault } from '../provider/fault.ts'
import type { Provider } from '../provider/provider.ts'
import { remedyForRefusal } from '../provider/refusal.ts'
import type { Tokens } from '../provider/tokens.ts'
import { readUserinfo } from '../provider/userinfo.ts'
import { assuranceOf } from '../session/assurance.ts'
import { reduceSession, type SessionContents } from '../session/contents.ts'
import { expiryOf, type Lifetimes } from '../session/lifetime.ts'

export interface FinishRoom {
  readonly provider: Provider
  readonly settings: OidcSettings
  readonly store: SessionStore
  readonly lifetimes: Lifetimes
  readonly contents: SessionContents
  readonly clock: Clock
  /** May refuse or change a login before its session is made. */
  onLogin (session: Session): Promise<Session>
  /** The login succeeds without userinfo. */
  onUserinfoFailed (error: Error): void
}

export interface FinishedLogin {
  /** `repeated`: this answer arrived before, and the session was made then. */
  readonly kind: 'new' | 'repeated'
  readonly stored: StoredSession
}

/** An attempt whose answer is here. */
export interface AnsweredAttempt extends CodeExchange {
  /** What the login was asked for; null: nothing. */
  readonly demand: Demand | null
}

/** Ends logins: one code exchange for each attempt, however often its answer arrives. */
export interface LoginFinish {
  /** @throws FST_OIDC_LOGIN_REFUSED, FST_OIDC_CALLBACK_INVALID, FST_OIDC_TOKEN_INVALID, FST_OIDC_CODE_REFUSED, FST_OIDC_PROVIDER_UNAVAILABLE, FST_OIDC_STORE_UNAVAILABLE */
  finish (attempt: AnsweredAttempt): Promise<FinishedLogin>
}

const MAX_PROVIDER_TEXT = 200
const SHARED_MS = 30_000
const MAX_SHARED = 1000

/** The provider's own words are for the log, bounded and in one line. */
function quoteProvider (text: string | null): string {
  return JSON.stringify((text ?? '').slice(0, MAX_PROVIDER_TEXT))
}

/** OpenID Connect Core Unmet Authentication Requirements 1.0, section 3: the provider cannot do what was asked for. */
const UNMET = 'unmet_authentication_requirements'

function refusalOf (error: string, demand: Demand | null): Error {
  if (error === UNMET && demand !== null) return new StepUpUnmetError(describeDemand(demand))
  return error === 'access_denied' ? new AccessDeniedError() : new LoginRefusedError()
}

function checkAnswer ({ parameters, demand }: AnsweredAttempt, clientId: string): void {
  const error = parameters.get('error')
  if (error !== null) {
    const description = parameters.get('error_description')
    const remedy = remedyForRefusal(error, (description ?? '').slice(0, MAX_PROVIDER_TEXT))
    const cause = new ProviderFault(new Error(`the provider answered error=${quoteProvider(error)} error_description=${quoteProvider(description)}`), remedy)
    throw Object.assign(refusalOf(error, demand), { cause })
  }
  for (const name of ['code', 'state', 'iss', 'client_id']) {
    if (parameters.getAll(name).length > 1) throw Object.assign(new CallbackInvalidError(), { cause: new Error(`${name} came more than once`) })
  }
  // Some providers say whom they answer: an answer for another client was mixed up on its way.
  if ((parameters.get('client_id') ?? clientId) !== clientId) throw Object.assign(new CallbackInvalidError(), { cause: new Error('the answer is for another client (client_id)') })
}

/** What came of a login. */
interface Arrival {
  readonly issuer: string
  readonly tokens: Tokens
  readonly claims: Claims
  readonly userinfo: Claims | null
  readonly demand: Demand | null
}

function newSession (settings: OidcSettings, { issuer, tokens, claims, userinfo, demand }: Arrival, now: number): Session {
  return {
    id: randomBytes(16).toString('base64url'),
    issuer,
    subject: String(claims.sub),
    providerSessionId: typeof claims.sid === 'string' ? claims.sid : null,
    issuedAt: typeof claims.iat === 'number' ? Math.floor(claims.iat) : now,
    discovery: settings.discovery,
    clientId: settings.client_id,
    createdAt: now,
    authenticatedAt: now,
    accessToken: tokens.accessToken,
    accessTokenExpiresAt: tokens.accessTokenExpiresAt,
    assurance: assuranceOf(claims, demand, now, settings.iat_slack),
    // RFC 6749, section 5.1: what was asked for, where the provider does not say otherwise
    scope: tokens.scope ?? requestedScope(settings),
    idTokenClaims: claims,
    userinfo,
    renewedFrom: null,
    cold: { refreshToken: tokens.refreshToken, idToken: tokens.idToken }
  }
}

export function createLoginFinish (room: FinishRoom): LoginFinish {
  const { provider, settings, store, lifetimes, contents, clock } = room
  const shared = new Map<string, Promise<StoredSession>>()

  async function readUserinfoOrNone (accessToken: string, subject: string): Promise<Claims | null> {
    try {
      return await readUserinfo(provider, accessToken, subject)
    } catch (error) {
      room.onUserinfoFailed(error as Error)
      return null
    }
  }

  async function exchange (attempt: AnsweredAttempt): Promise<StoredSession> {
    const tokens = await exchangeCode(provider, settings, attempt, clock)
    const claims = tokens.idTokenClaims ?? {}
    const userinfo = contents.userinfo ? await readUserinfoOrNone(tokens.accessToken, String(claims.sub)) : null
    const accepted = await room.onLogin(newSession(settings, { issuer: provider.issuer ?? String(claims.iss), tokens, claims, userinfo, demand: attempt.demand }, clock()))
    const session = reduceSession(accepted, contents)
    return await store.create(session, expiryOf(session, lifetimes, clock()))
  }

  function remember (attempt: AnsweredAttempt, started: Promise<StoredSession>): void {
    // In letters of its own: as a slice of the address it would keep the code alive.
    const state = Buffer.from(attempt.state).toString()
    if (shared.size >= MAX_SHARED) shared.delete(shared.keys().next().value ?? '')
    shared.set(state, started)
    // A code that was not spent may still be: an attempt that failed is not remembered.
    started.catch(() => { shared.delete(state) })
    setTimeout(() => { shared.delete(state) }, SHARED_MS).unref()
  }

  return {
    async finish (attempt) {
      checkAnswer(attempt, settings.client_id)
      const running = shared.get(attempt.state)
      if (running !== undefined) return { kind: 'repeated', stored: await running }
      const started = exchange(attempt)
      remember(attempt, started)
      return { kind: 'new', stored: await started }
    }
  }
}
