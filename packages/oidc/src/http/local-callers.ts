import type { FastifyRequest } from 'fastify'
import type { Claims, Clock } from 'fastify-oidc-session-store'
import type { MappedConsumer } from '../consumer/consumer-mapping.ts'
import type { OidcSettings } from '../options/settings.ts'
import type { PolicySubject } from '../policy/subject.ts'
import { localSession, type LocalIdentity, type LocalUsersPlace } from '../session/local-users.ts'
import { readBasicCredential } from './basic-credential.ts'
import type { ConsumerView, Credential } from './consumer-view.ts'
import type { IdTokenClaims, RequestOidc } from './request-oidc.ts'
import type { SessionView } from './session-view.ts'

/** Who brought name and password; shared by the requests that bring them. */
export class BasicOidc implements RequestOidc {
  readonly #view: SessionView
  readonly #subject: PolicySubject
  #consumer: ConsumerView | null = null

  constructor (view: SessionView) {
    this.#view = view
    this.#subject = { ...view.subject, proof: { acr: null, authTime: 'now' } }
    Object.freeze(this)
  }

  /** Who a policy looks at; null: it is not one of these. */
  static subjectOf (oidc: RequestOidc): PolicySubject | null {
    return #subject in oidc ? oidc.#subject : null
  }

  /** False: it is not one of these. */
  static assign (oidc: RequestOidc, view: ConsumerView | null): boolean {
    if (!(#consumer in oidc)) return false
    oidc.#consumer = view
    return true
  }

  get authenticated (): boolean { return true }
  get via (): 'basic' { return 'basic' }
  get claims (): IdTokenClaims | null { return this.#view.claims as IdTokenClaims | null }
  get userinfo (): Claims | null { return null }
  get scopes (): readonly string[] { return this.#view.scopes }
  get groups (): readonly string[] { return this.#view.groups }
  get user (): string | null { return this.#view.user }
  get email (): null { return null }
  get consumer (): MappedConsumer | null { return this.#consumer?.consumer ?? null }
  get credential (): Credential | null { return this.#view.credential }
  get sessionId (): null { return null }
  get expiresAt (): null { return null }
  get accessToken (): null { return null }
  get idToken (): null { return null }
  get identityHeaders (): Readonly<Record<string, string>> {
    const headers = this.#view.identityHeaders(0)
    return this.#consumer === null ? headers : this.#consumer.headersBeside(headers)
  }

  async freshAccessToken (): Promise<null> { return null }
}

/** Who a request is of whom the application vouches for itself. */
export interface LocalCaller {
  readonly oidc: RequestOidc
  /** Why the claims do not hold against `claim_schema`; null: they do. */
  readonly claimProblem: string | null
}

/** null: the request brings no name and password, or nobody's. */
export type LocalCallers = (request: FastifyRequest, authorization: string | undefined) => Promise<LocalCaller | null> | null

export function createLocalCallers (place: LocalUsersPlace<FastifyRequest>, settings: OidcSettings, viewOf: (session: ReturnType<typeof localSession>) => SessionView, clock: Clock): LocalCallers {
  const callers = new WeakMap<LocalIdentity, LocalCaller>()

  function callerOf (identity: LocalIdentity): LocalCaller {
    let caller = callers.get(identity)
    if (caller === undefined) {
      const view = viewOf(localSession(settings, identity, clock()))
      caller = { oidc: new BasicOidc(view), claimProblem: view.claimProblem }
      callers.set(identity, caller)
    }
    return caller
  }

  return (request, authorization) => {
    const { users } = place
    if (authorization === undefined || users?.verify === undefined) return null
    const credential = readBasicCredential(authorization)
    if (credential === null) return null
    return Promise.resolve(users.verify(credential, request)).then(identity => identity === null ? null : callerOf(identity))
  }
}
