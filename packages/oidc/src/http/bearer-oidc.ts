import type { CacheTally, Claims, EpochSeconds } from 'fastify-oidc-session-store'
import type { VerifiedToken } from '../bearer/verdict.ts'
import { readProof } from '../policy/step-up.ts'
import { bearerSources } from './claim-sources.ts'
import { readCredential, readEmail, readGroups, readScopes, readUser } from './claim-values.ts'
import type { Credential, IdentityHeaders } from './consumer-view.ts'
import { bearerIdentityHeaders } from './identity-headers.ts'
import { PresentedOidc } from './presented-oidc.ts'
import type { IdTokenClaims, RequestOidc } from './request-oidc.ts'
import type { ViewOptions } from './session-view.ts'

const now = (): EpochSeconds => Math.floor(Date.now() / 1000)

/** Who brought a token. */
class BearerOidc extends PresentedOidc {
  readonly #verified: VerifiedToken
  readonly #scopes: readonly string[]
  readonly #groups: readonly string[]
  readonly #user: string | null
  readonly #email: string | null
  readonly #credential: Credential | null
  readonly #headers: IdentityHeaders

  constructor (verified: VerifiedToken, options: ViewOptions, broughtBy: 'bearer' | 'basic') {
    const { claims, scopes, audience, token } = verified
    const sources = bearerSources(claims)
    const email = readEmail(options, sources)
    super({ via: broughtBy, sources, scopes, email, audience, proof: readProof(claims) })
    this.#verified = verified
    this.#scopes = readScopes(options, sources, scopes)
    this.#groups = readGroups(options, sources)
    this.#user = readUser(options, sources)
    this.#email = email
    this.#credential = readCredential(options, sources)
    this.#headers = bearerIdentityHeaders(options, token, claims)
    Object.freeze(this)
  }

  get via (): 'bearer' { return 'bearer' }
  get claims (): IdTokenClaims { return this.#verified.claims as IdTokenClaims }
  get userinfo (): Claims { return this.#verified.claims }
  get scopes (): readonly string[] { return this.#scopes }
  get groups (): readonly string[] { return this.#groups }
  get user (): string | null { return this.#user }
  get email (): string | null { return this.#email }
  get credential (): Credential | null { return this.#credential }
  get expiresAt (): EpochSeconds | null { return this.#verified.expiresAt }
  get accessToken (): string { return this.#verified.token }
  protected get ownHeaders (): IdentityHeaders { return this.#headers }

  async freshAccessToken (): Promise<string | null> {
    const { token, expiresAt } = this.#verified
    return expiresAt === null || now() < expiresAt ? token : null
  }
}

/** Views by token: a verification is answered by the same object until it is made anew. `broughtBy`: what came in the request, the token or what it was exchanged for. */
export function createBearerViews (options: ViewOptions, broughtBy: 'bearer' | 'basic', tally: CacheTally): (verified: VerifiedToken) => RequestOidc {
  const views = new WeakMap<VerifiedToken, RequestOidc>()
  return verified => {
    let view = views.get(verified)
    if (view !== undefined) tally.hits++
    else {
      tally.misses++
      view = new BearerOidc(verified, options, broughtBy)
      views.set(verified, view)
    }
    return view
  }
}
