import type { ClaimSources } from './claim-path.ts'
import type { Proof } from './step-up.ts'

/** Whether a token is for us. */
export type Audience = 'held' | 'missing' | 'mismatched'

/** Who the rules of a policy look at. The same object for the same session revision, or verified token: verdicts are kept by it. */
export interface PolicySubject {
  /** `basic`: a name and a password brought the token, and a browser may send those by itself, as it sends cookies. */
  readonly via: 'session' | 'bearer' | 'basic'
  /** Of a session the ID token, the access token and the userinfo; of a bearer token what it says. */
  readonly sources: ClaimSources
  /** As they were granted, or as the token says by itself. */
  readonly scopes: readonly string[]
  readonly email: string | null
  /** What `claim_validator.audience` says; of a session always `held`. */
  readonly audience: Audience
  /** How they proved who they are. */
  readonly proof: Proof
}
