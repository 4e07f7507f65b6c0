import type { Claims } from 'fastify-oidc-session-store'

/**
 * Where a claim stands. A text is the name of a claim or, where there is none of that name, steps with dots between them;
 * a list is steps, each of which may have dots in it.
 */
export type ClaimPath = string | readonly string[]

/** Where claims are looked for, in order. What a source would have to be decoded for is decoded when it is asked. */
export type ClaimSources = ReadonlyArray<() => Claims | null>

function step (value: unknown, name: string): unknown {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && Object.hasOwn(value, name) ? (value as Claims)[name] : undefined
}

/** undefined: there is none. */
export function readClaim (claims: Claims | null, path: ClaimPath): unknown {
  if (claims === null) return undefined
  if (typeof path !== 'string') return path.reduce<unknown>(step, claims)
  return Object.hasOwn(claims, path) ? claims[path] : path.split('.').reduce<unknown>(step, claims)
}

/** Claims with this one where the path looks for it. */
export function placeClaim (path: ClaimPath, value: unknown): Claims {
  return [path].flat().reduceRight<unknown>((inner, name) => ({ [name]: inner }), value) as Claims
}

/** Every claim by its own name, of the first source that has it. */
export function mergeClaims (sources: ClaimSources): Claims {
  return sources.reduceRight<Claims>((merged, source) => ({ ...merged, ...source() }), {})
}

/** Does the provider say that it keeps the claim elsewhere (OpenID Connect Core 1.0, section 5.6.2)? Entra ID does so where somebody is in many groups. */
export function isElsewhere (claims: Claims | null, path: ClaimPath): boolean {
  const elsewhere = claims?._claim_names
  if (elsewhere === null || typeof elsewhere !== 'object') return false
  const names = typeof path === 'string' ? [path, path.split('.')[0] ?? path] : path.slice(0, 1)
  return names.some(name => Object.hasOwn(elsewhere, name))
}
