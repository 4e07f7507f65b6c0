import type { OptionProblem } from 'fastify-oidc-session-store'
import { EXCHANGED_METHODS, type AuthMethod } from '../policy/auth-methods.ts'
import { compileOptions, type Compilation } from '../policy/compiler.ts'
import type { PolicyGround } from '../policy/rule.ts'
import type { PolicyOptions } from '../policy/schema.ts'
import { acceptsBearer, introspects, verifiesJwts } from './bearer-options.ts'
import { resourcesOf } from './resource-metadata.ts'
import type { ResolvedOptions } from './schema.ts'

/** What policies stand on beside the options. */
type PolicyPlace = Pick<PolicyGround, 'emailFile' | 'resource' | 'verdicts'>

/** A token that is bound to a key, as `dpop` asks for it and FAPI 2.0 wants it, proves nothing by itself. */
function canExchange (options: ResolvedOptions): boolean {
  return acceptsBearer(options) && options.dpop?.enabled !== true && options.security_profile !== 'fapi2'
}

/** Ways that the options make possible. */
function possibleMethods (options: ResolvedOptions): AuthMethod[] {
  return [
    ...verifiesJwts(options) ? ['bearer' as const] : [],
    ...introspects(options) ? ['introspection' as const] : [],
    ...canExchange(options) ? EXCHANGED_METHODS : [],
    ...options.bearer_only ? [] : ['session' as const, 'authorization_code' as const]
  ]
}

/** What verifies tokens says how each is looked at: a key that nobody may use says nothing. */
function findUnused (options: ResolvedOptions): OptionProblem[] {
  const { auth_methods: written } = options
  // Of what is exchanged, the token is looked at by the same.
  if (written === undefined || EXCHANGED_METHODS.some(method => written.includes(method))) return []
  const unused = possibleMethods(options).filter(method => (method === 'bearer' || method === 'introspection') && !written.includes(method))
  return unused.map(method => ({ path: ['auth_methods'], message: `leaves out ${method}, and ${method === 'bearer' ? 'use_jwks or public_key' : 'introspection_endpoint'} is set: name it, or take that away` }))
}

function groundOf (options: ResolvedOptions, { emailFile, resource, verdicts }: PolicyPlace): PolicyGround {
  const { claim = 'aud', required = false, match_with_client_id: isClient = false } = options.claim_validator?.audience ?? {}
  const isAccepting = acceptsBearer(options)
  return { acceptsBearer: isAccepting, authMethods: possibleMethods(options), audienceClaim: claim, validatesAudience: required || isClient, emailFile, resource: isAccepting ? resource : null, verdicts }
}

function policyOptionsOf (options: ResolvedOptions): PolicyOptions {
  const { unauth_action: unauth, cross_site: crossSite, scopes_claim: scopesClaim, groups_claim: groupsClaim, required_scopes: scopes, allowed_groups: allowed, required_groups: required, allowed_emails: emails, allowed_emails_file: file, allowed_email_domains: domains, required_claims: claims, audience, acr_values: acrValues, max_age: maxAge, auth_methods: methods } = options
  const written = { unauth_action: unauth, cross_site: crossSite, scopes_claim: scopesClaim, groups_claim: groupsClaim, required_scopes: scopes, allowed_groups: allowed, required_groups: required, allowed_emails: emails, allowed_emails_file: file, allowed_email_domains: domains, required_claims: claims, audience, acr_values: acrValues, max_age: maxAge, auth_methods: methods }
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined)) as unknown as PolicyOptions
}

/** The plugin's options as a policy, which those of routes are laid over. */
export function defaultPolicy (options: ResolvedOptions, place: PolicyPlace): Compilation {
  return compileOptions(policyOptionsOf(options), groundOf(options, place))
}

/** Requirements that do not hold, that contradict each other, or that would let everyone in. */
export function checkPolicyOptions (options: ResolvedOptions): OptionProblem[] {
  return [...defaultPolicy(options, { emailFile: null, resource: resourcesOf(options)[0] ?? null, verdicts: { hits: 0, misses: 0 } }).problems, ...findUnused(options)]
}
