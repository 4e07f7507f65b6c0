import type { Claims, OptionProblem } from 'fastify-oidc-session-store'
import { nearestName } from 'fastify-oidc-session-store'
import type { ConsumerKey, ConsumerRecord } from './consumer-options.ts'
import type { ResolveSecret } from './secret-reader.ts'

/** Which consumer is asked for. */
export interface ConsumerQuery {
  readonly by: ConsumerKey
  readonly value: string
}

/** What a login brought. */
export interface LoginFacts {
  readonly sessionId: string
  readonly claims: Claims
  readonly userinfo: Claims | null
}

/** Code of the application that may change the outcome. */
export interface OidcHooks<TRequest = unknown> {
  /** Runs before a session is made. Throw to refuse the login: what is thrown is for the log, the caller sees `FST_OIDC_LOGIN_REFUSED`. */
  readonly onLogin?: (login: LoginFacts) => void | Promise<void>
  /** Which claims of the ID token the session keeps: all when not set. */
  readonly selectClaims?: (claims: Claims) => Claims
  /** Runs when the policy lets an authenticated caller pass; false is 403 `FST_OIDC_FORBIDDEN`. */
  readonly authorize?: (request: TRequest) => boolean | Promise<boolean>
  readonly onLogout?: (session: { readonly sessionId: string, readonly subject: string }) => void | Promise<void>
  /** Runs at boot for each `$secret://` reference that no manager of `secrets` is for, once for each, and answers the secret. Throw to stop the boot. */
  readonly resolveSecret?: ResolveSecret
  /** Answers the consumer whose `by` is that value, or null where there is none; kept for `consumer.cache_ttl`. Throw where nobody can tell now: the caller gets 503 `FST_OIDC_CONSUMERS_UNAVAILABLE`. */
  readonly resolveConsumer?: (query: ConsumerQuery) => ConsumerRecord | null | Promise<ConsumerRecord | null>
}

const NAMES = ['onLogin', 'selectClaims', 'authorize', 'onLogout', 'resolveSecret', 'resolveConsumer']

export function checkHooks (hooks: unknown): OptionProblem[] {
  if (hooks === undefined) return []
  if (hooks === null || typeof hooks !== 'object') return [{ path: ['hooks'], message: 'must be an object' }]
  return Object.entries(hooks).flatMap(([name, hook]) => {
    const path = ['hooks', name]
    if (!NAMES.includes(name)) {
      const nearest = nearestName(name, NAMES)
      return [{ path, message: `is not a known hook${nearest === null ? '' : `; did you mean ${nearest}?`}` }]
    }
    return hook === undefined || typeof hook === 'function' ? [] : [{ path, message: 'must be a function' }]
  })
}
