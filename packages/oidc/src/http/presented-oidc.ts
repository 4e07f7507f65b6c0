import type { Claims, EpochSeconds } from 'fastify-oidc-session-store'
import type { MappedConsumer } from '../consumer/consumer-mapping.ts'
import type { PolicySubject } from '../policy/subject.ts'
import type { ConsumerView, Credential, IdentityHeaders } from './consumer-view.ts'
import type { IdTokenClaims, RequestOidc } from './request-oidc.ts'

/** Who presents a credential with each request: made once for it, and shared by its requests. What is in it must not be within reach of an application's logs. */
export abstract class PresentedOidc implements RequestOidc {
  readonly #subject: PolicySubject
  #consumer: ConsumerView | null = null

  constructor (subject: PolicySubject) {
    this.#subject = subject
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

  abstract get via (): 'bearer' | 'basic'
  abstract get claims (): IdTokenClaims | null
  abstract get userinfo (): Claims | null
  abstract get scopes (): readonly string[]
  abstract get groups (): readonly string[]
  abstract get user (): string | null
  abstract get email (): string | null
  abstract get credential (): Credential | null
  abstract get expiresAt (): EpochSeconds | null
  abstract get accessToken (): string | null
  /** Without those of a consumer. */
  protected abstract get ownHeaders (): IdentityHeaders
  abstract freshAccessToken (): Promise<string | null>

  get authenticated (): boolean { return true }
  get consumer (): MappedConsumer | null { return this.#consumer?.consumer ?? null }
  get sessionId (): null { return null }
  get idToken (): null { return null }
  get identityHeaders (): IdentityHeaders { return this.#consumer === null ? this.ownHeaders : this.#consumer.headersBeside(this.ownHeaders) }
}
