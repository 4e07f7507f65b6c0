import type { OptionProblem } from 'fastify-oidc-session-store'

/** Ways to say who calls, in the order in which they are looked at: the first that is there decides. */
export const AUTH_METHODS = ['bearer', 'introspection', 'session', 'authorization_code'] as const

export type AuthMethod = typeof AUTH_METHODS[number]

/** What an option may be missing that has no way to work. */
const REMEDIES: Readonly<Record<AuthMethod, string>> = {
  bearer: 'no key verifies tokens: set use_jwks or public_key',
  introspection: 'nobody is asked about tokens: set introspection_endpoint',
  session: 'bearer_only leaves no sessions',
  authorization_code: 'bearer_only leaves no logins'
}

/** Which of them a policy takes; null: all that there are. */
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
  return { methods: available.every(method => methods.has(method)) ? null : methods, problems }
}

/** A route takes some of what the plugin takes, and nothing more. */
export function findWidened (written: readonly AuthMethod[] | undefined, base: AcceptedMethods): OptionProblem[] {
  if (written === undefined || base === null) return []
  return [...withSession(written)].filter(method => !base.has(method)).map(method => ({ path: ['auth_methods'], message: `has ${method}, which the plugin's own auth_methods leave out` }))
}

/** Does a policy take this way? */
export function accepts (methods: AcceptedMethods, method: AuthMethod): boolean {
  return methods === null || methods.has(method)
}
