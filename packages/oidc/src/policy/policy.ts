import { Type, type Static } from '@sinclair/typebox'
import { checkOptions, type OptionProblem } from 'fastify-oidc-session-store'

/** What a route may set in `config.oidc`; what it leaves out is the plugin's. */
export const policySchema = Type.Object({
  unauth_action: Type.Optional(Type.Union([Type.Literal('auth'), Type.Literal('deny'), Type.Literal('pass')], { description: 'Action for unauthenticated requests.' })),
  required_scopes: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { description: 'Scopes that the caller must have, all of them.' })),
  cross_site: Type.Optional(Type.Union([Type.Literal('allow'), Type.Literal('refuse')], { description: 'Unsafe methods and upgrades with a session from another site.' }))
}, { additionalProperties: false })

/** What one route requires, by the plugin's own option names. */
export type RoutePolicy = Static<typeof policySchema>

/** A policy with nothing left open. */
export interface CompiledPolicy {
  readonly unauthAction: 'auth' | 'deny' | 'pass'
  readonly requiredScopes: readonly string[]
  readonly crossSite: 'allow' | 'refuse'
}

/** What the policy decides by: who the caller is. */
export interface PolicyIdentity {
  readonly scopes: readonly string[]
}

/** The plugin's options as a policy. */
export function defaultPolicy (options: { readonly unauth_action: 'auth' | 'deny' | 'pass', readonly required_scopes?: readonly string[], readonly cross_site: 'allow' | 'refuse' }): CompiledPolicy {
  return { unauthAction: options.unauth_action, requiredScopes: options.required_scopes ?? [], crossSite: options.cross_site }
}

/** Compiles what a route sets over the plugin's own policy; the problems are for the boot. */
export function compilePolicy (input: unknown, base: CompiledPolicy): { policy: CompiledPolicy, problems: OptionProblem[] } {
  const { options, problems } = checkOptions(policySchema, input)
  if (problems.length > 0) return { policy: base, problems }
  return {
    policy: {
      unauthAction: options.unauth_action ?? base.unauthAction,
      requiredScopes: options.required_scopes ?? base.requiredScopes,
      crossSite: options.cross_site ?? base.crossSite
    },
    problems
  }
}

/** The required scopes that the caller has not. */
export function missingScopes (policy: CompiledPolicy, identity: PolicyIdentity): string[] {
  return policy.requiredScopes.filter(scope => !identity.scopes.includes(scope))
}
