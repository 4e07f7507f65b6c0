import { compileOptions, compilePolicy } from '../../packages/oidc/src/policy/compiler.ts'
import type { CompiledPolicy } from '../../packages/oidc/src/policy/policy.ts'
import type { PolicySubject } from '../../packages/oidc/src/policy/subject.ts'
import { findShortage, readProof } from '../../packages/oidc/src/policy/step-up.ts'
import { formatProblem, type Claims } from 'fastify-oidc-session-store'

/** Somebody, by what the sources say. */
export interface Person {
  readonly id?: Claims
  readonly accessToken?: Claims
  readonly userinfo?: Claims
  readonly bearer?: Claims
  readonly scopes?: readonly string[]
  readonly email?: string
}

export function subjectOf ({ id, accessToken, userinfo, bearer, scopes = [], email }: Person): PolicySubject {
  const sources = bearer === undefined ? [() => id ?? {}, () => accessToken ?? null, () => userinfo ?? null] : [() => bearer]
  return { via: bearer === undefined ? 'session' : 'bearer', sources, scopes, email: email ?? null, audience: 'held', proof: readProof(bearer ?? id ?? null) }
}

const ground = { acceptsBearer: true, authMethods: ['bearer', 'introspection', 'session', 'authorization_code'] as const, audienceClaim: 'aud', validatesAudience: false, emailFile: null, resource: null, verdicts: { hits: 0, misses: 0 } }

/** What the plugin says where nothing is required. */
export const BASE: CompiledPolicy = compileOptions({ unauth_action: 'deny', cross_site: 'refuse', groups_claim: 'groups' }, ground).policy

/** @throws where the policy does not hold */
export function compile (policy: unknown, base = BASE): CompiledPolicy {
  const compiled = compilePolicy(policy, base)
  if (compiled.problems.length > 0) throw new Error(compiled.problems.map(formatProblem).join('; '))
  return compiled.policy
}

export function problemsOf (policy: unknown, base = BASE): string[] {
  return compilePolicy(policy, base).problems.map(formatProblem)
}

/** What it is for `decide`. */
export const NOW = 1_800_000_000
/** The difference of clocks that it tolerates, in seconds. */
export const SLACK = 10

/** `pass`, or the option that refuses; of a login too. */
export function decide (policy: object, person: Person): string {
  const compiled = compile(policy)
  const subject = subjectOf(person)
  const refusal = compiled.judge(subject)
  if (refusal !== null) return refusal.option
  return (compiled.demand === null ? null : findShortage(compiled.demand, subject.proof, NOW, SLACK)) ?? 'pass'
}
