import type { FastifyRequest } from 'fastify'
import type { Clock } from 'fastify-oidc-session-store'
import { readBasicCredential } from '../basic/credential.ts'
import type { OidcSettings } from '../options/settings.ts'
import { localSession, type LocalIdentity, type LocalUsersPlace } from '../session/local-users.ts'
import type { Credential, IdentityHeaders } from './consumer-view.ts'
import { PresentedOidc } from './presented-oidc.ts'
import type { IdTokenClaims, RequestOidc } from './request-oidc.ts'
import type { SessionView } from './session-view.ts'

/** Who brought name and password. */
class BasicOidc extends PresentedOidc {
  readonly #view: SessionView

  constructor (view: SessionView) {
    super({ ...view.subject, proof: { acr: null, authTime: 'now' } })
    this.#view = view
    Object.freeze(this)
  }

  get via (): 'basic' { return 'basic' }
  get claims (): IdTokenClaims | null { return this.#view.claims as IdTokenClaims | null }
  get userinfo (): null { return null }
  get scopes (): readonly string[] { return this.#view.scopes }
  get groups (): readonly string[] { return this.#view.groups }
  get user (): string | null { return this.#view.user }
  get email (): null { return null }
  get credential (): Credential | null { return this.#view.credential }
  get expiresAt (): null { return null }
  get accessToken (): null { return null }
  protected get ownHeaders (): IdentityHeaders { return this.#view.identityHeaders(0) }

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
    const brought = readBasicCredential(authorization)
    if (brought.kind !== 'credential') return null
    return Promise.resolve(users.verify(brought.credential, request)).then(identity => identity === null ? null : callerOf(identity))
  }
}
