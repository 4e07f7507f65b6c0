import type { OptionProblem } from 'fastify-oidc-session-store'

/** Ways to say who calls, in the order in which they are looked at: the first that is there decides. */
export const AUTH_METHODS = ['bearer', 'introspection', 'password', 'client_credentials', 'session', 'authorization_code'] as const

export type AuthMethod = typeof AUTH_METHODS[number]

/** Those that exchange what `Authorization: Basic` brings, in the order in which they are tried: only where they are named. */
export const EXCHANGED_METHODS = ['password', 'client_credentials'] as const satisfies readonly AuthMethod[]

export type ExchangedMethod = typeof EXCHANGED_METHODS[number]

const isExchanged = (method: AuthMethod): method is ExchangedMethod => (EXCHANGED_METHODS as readonly AuthMethod[]).includes(method)

const NOT_EXCHANGED = 'no token that it is exchanged for could be verified here: set use_jwks, public_key or introspection_endpoint, with neither dpop.enabled nor security_profile fapi2'

/** What an option may be missing that has no way to work. */
const REMEDIES: Readonly<Record<AuthMethod, string>> = {
  bearer: 'no key verifies tokens: set use_jwks or public_key',
  introspection: 'nobody is asked about tokens: set introspection_endpoint',
  password: NOT_EXCHANGED,
  client_credentials: NOT_EXCHANGED,
  session: 'bearer_only leaves no sessions',
  authorization_code: 'bearer_only leaves no logins'
}

/** Of other gateways, and why they are none here. */
const REFUSED: Readonly<Record<string, string>> = {
  refresh_token: 'is no way to say who calls: a refresh token opens everything for weeks, and must not travel with each request; a session renews itself with the one that it keeps',
  userinfo: 'is no way to say who calls: set introspection_endpoint to have the provider asked about tokens that are no JWTs',
  kong_oauth2: 'has no counterpart: tokens are those of the provider'
}

/** Says of a method of other gateways more than that it is not in the list. */
export function explainMethods (problems: readonly OptionProblem[], input: unknown): OptionProblem[] {
  const written = (input as { auth_methods?: unknown } | null)?.auth_methods
  return problems.map(problem => {
    const [option, index] = problem.path
    const method: unknown = option === 'auth_methods' && index !== undefined && Array.isArray(written) ? written[Number(index)] : undefined
    const why = typeof method === 'string' && Object.hasOwn(REFUSED, method) ? REFUSED[method] : undefined
    return why === undefined ? problem : { ...problem, message: `has ${String(method)}, which ${why}` }
  })
}

/** Which of them a policy takes; null: all that there are, but those that have to be named. */
export type AcceptedMethods = ReadonlySet<AuthMethod> | null

/** A login makes a session. */
function withSession (written: readonly AuthMethod[]): ReadonlySet<AuthMethod> {
  return new Set(written.includes('authorization_code') ? [...written, 'session'] : written)
}

/** `available`: what the other options make possible. */
export function readAuthMethods (written: readonly AuthMethod[] | undefined, available: readonly AuthMethod[]): { readonly methods: AcceptedMethods, readonly problems: readonly OptionProblem[] } {
  if (written === undefined) return { methods: null, problems: [] }
  const methods = withSession(written)
  const problems = written.filter(method => !available.includes(method)).map(method => ({ path: ['auth_methods'], message: `has ${method}, and ${REMEDIES[method]}` }))
  const isDefault = available.every(method => methods.has(method) !== isExchanged(method))
  return { methods: isDefault ? null : methods, problems }
}

/** A route takes some of what the plugin takes, and nothing more. */
export function findWidened (written: readonly AuthMethod[] | undefined, base: AcceptedMethods): OptionProblem[] {
  if (written === undefined || base === null) return []
  return [...withSession(written)].filter(method => !base.has(method)).map(method => ({ path: ['auth_methods'], message: `has ${method}, which the plugin's own auth_methods leave out` }))
}

/** Does a policy take this way? Those that have to be named are asked for by `exchangedMethods`. */
export function accepts (methods: AcceptedMethods, method: Exclude<AuthMethod, ExchangedMethod>): boolean {
  return methods === null || methods.has(method)
}

const NOTHING: readonly ExchangedMethod[] = []

/** What becomes of `Authorization: Basic`. */
export function exchangedMethods (methods: AcceptedMethods): readonly ExchangedMethod[] {
  return methods === null ? NOTHING : EXCHANGED_METHODS.filter(method => methods.has(method))
}
