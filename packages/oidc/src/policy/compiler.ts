import { checkOptions, type OptionProblem } from 'fastify-oidc-session-store'
import { explainMethods, findWidened, readAuthMethods } from './auth-methods.ts'
import { readClaimsRule } from './claims-rule.ts'
import { readEmailRules } from './email-rules.ts'
import { readAudienceRules, readGroupRules, readRequiredScopes } from './list-rules.ts'
import { createPolicy, type CompiledPolicy } from './policy.ts'
import { requireResource } from './protected-resource.ts'
import type { PolicyGround, RuleReader } from './rule.ts'
import { readDemand } from './step-up.ts'
import { policySchema, type PolicyOptions, type RoutePolicy } from './schema.ts'

/** A policy, or why there is none. */
export interface Compilation {
  readonly policy: CompiledPolicy
  readonly problems: readonly OptionProblem[]
}

/** In the order in which callers are told what they miss. An option more is a reader more. */
const READERS: readonly RuleReader[] = [readRequiredScopes, readAudienceRules, readGroupRules, readEmailRules, readClaimsRule]

/** A claim that a route names and no rule of it reads. */
const READ_BY = { scopes_claim: ['required_scopes'], groups_claim: ['allowed_groups', 'required_groups'] } as const

function findIdle (input: RoutePolicy, options: PolicyOptions): OptionProblem[] {
  return (Object.keys(READ_BY) as Array<keyof typeof READ_BY>)
    .filter(name => input[name] !== undefined && READ_BY[name].every(option => options[option] === undefined))
    .map(name => ({ path: [name], message: `has no effect without ${READ_BY[name].join(' or ')}` }))
}

/** Compiles options that hold by their shape. */
export function compileOptions (written: PolicyOptions, ground: PolicyGround): Compilation {
  const options = requireResource(written, ground.resource)
  const read = READERS.map(reader => reader(options, ground))
  const { demand, problems } = readDemand(options)
  const ways = readAuthMethods(options.auth_methods, ground.authMethods)
  return { policy: createPolicy(options, ground, read.flatMap(({ rules }) => rules), { demand, authMethods: ways.methods }), problems: [...read.flatMap(({ problems }) => problems), ...problems, ...ways.problems] }
}

/** What a route writes goes before what the plugin says; false takes it away. */
function overlay (base: PolicyOptions, input: RoutePolicy): PolicyOptions {
  const written = Object.entries(input).filter(([, value]) => value !== undefined)
  const lifted = new Set(written.filter(([, value]) => value === false).map(([name]) => name))
  return Object.fromEntries([...Object.entries(base), ...written].filter(([name]) => !lifted.has(name))) as unknown as PolicyOptions
}

/** Compiles what a route sets over the plugin's own policy; the problems are for the boot. */
export function compilePolicy (input: unknown, base: CompiledPolicy): Compilation {
  const { options, problems } = checkOptions(policySchema, input)
  if (problems.length > 0) return { policy: base, problems: explainMethods(problems, input) }
  const merged = overlay(base.options, options)
  const compiled = compileOptions(merged, base.ground)
  return { policy: compiled.policy, problems: [...compiled.problems, ...findIdle(options, merged), ...findWidened(options.auth_methods, base.authMethods)] }
}
