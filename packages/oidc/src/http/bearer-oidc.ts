import type { Claims, EpochSeconds } from 'fastify-oidc-session-store'
import type { VerifiedToken } from '../bearer/verdict.ts'
import type { MappedConsumer } from '../consumer/consumer-mapping.ts'
import { readProof } from '../policy/step-up.ts'
import type { PolicySubject } from '../policy/subject.ts'
import { bearerSources } from './claim-sources.ts'
import { readCredential, readEmail, readGroups, readScopes, readUser } from './claim-values.ts'
import type { ConsumerView, Credential } from './consumer-view.ts'
import { bearerIdentityHeaders } from './identity-headers.ts'
import type { IdTokenClaims, RequestOidc } from './request-oidc.ts'
import type { ViewOptions } from './session-view.ts'

const now = (): EpochSeconds => Math.floor(Date.now() / 1000)

/** Who brought a token: made once for it, and shared by its requests. What is in it must not be within reach of an application's logs. */
export class BearerOidc implements RequestOidc {
  readonly #verified: VerifiedToken
  readonly #scopes: readonly string[]
  readonly #groups: readonly string[]
  readonly #user: string | null
  readonly #email: string | null
  readonly #subject: PolicySubject
  readonly #credential: Credential | null
  readonly #identityHeaders: Readonly<Record<string, string>>
  #consumer: ConsumerView | null = null

  constructor (verified: VerifiedToken, options: ViewOptions) {
    this.#verified = verified
    const { claims, scopes, audience } = verified
    const sources = bearerSources(claims)
    const email = readEmail(options, sources)
    this.#scopes = readScopes(options, sources, scopes)
    this.#groups = readGroups(options, sources)
    this.#user = readUser(options, sources)
    this.#email = email
    this.#subject = { via: 'bearer', sources, scopes, email, audience, proof: readProof(claims) }
    this.#credential = readCredential(options, sources)
    this.#identityHeaders = bearerIdentityHeaders(options, verified.token, verified.claims)
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
  get via (): 'bearer' { return 'bearer' }
  get claims (): IdTokenClaims | null { return this.#verified.claims as IdTokenClaims }
  get userinfo (): Claims | null { return this.#verified.claims }
  get scopes (): readonly string[] { return this.#scopes }
  get groups (): readonly string[] { return this.#groups }
  get user (): string | null { return this.#user }
  get email (): string | null { return this.#email }
  get consumer (): MappedConsumer | null { return this.#consumer?.consumer ?? null }
  get credential (): Credential | null { return this.#credential }
  get sessionId (): null { return null }
  get expiresAt (): EpochSeconds | null { return this.#verified.expiresAt }
  get accessToken (): string { return this.#verified.token }
  get idToken (): null { return null }
  get identityHeaders (): Readonly<Record<string, string>> { return this.#consumer === null ? this.#identityHeaders : this.#consumer.headersBeside(this.#identityHeaders) }
  async freshAccessToken (): Promise<string | null> {
    const { token, expiresAt } = this.#verified
    return expiresAt === null || now() < expiresAt ? token : null
  }
}

/** Views by token: a verification is answered by the same object until it is made anew. */
export function createBearerViews (options: ViewOptions): (verified: VerifiedToken) => RequestOidc {
  const views = new WeakMap<VerifiedToken, RequestOidc>()
  return verified => {
    let view = views.get(verified)
    if (view === undefined) {
      view = new BearerOidc(verified, options)
      views.set(verified, view)
    }
    return view
  }
}
