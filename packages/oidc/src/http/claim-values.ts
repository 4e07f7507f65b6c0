import type { Claims } from 'fastify-oidc-session-store'

/** Which claims say who somebody is. */
export interface ClaimNames {
  readonly user_id_claim: string
  readonly email_claim: string
  readonly groups_claim: string
}

type Sources = ReadonlyArray<Claims | null>

const NOTHING: readonly string[] = Object.freeze([])
const STANDARD_EMAIL = 'email'

/** A claim of this name, or else at the path that its dots make. */
function readClaim (claims: Claims | null, name: string): unknown {
  if (claims === null) return undefined
  if (Object.hasOwn(claims, name)) return claims[name]
  return name.split('.').reduce<unknown>((value, key) => value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? (value as Claims)[key] : undefined, claims)
}

function asText (value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null
}

function asTexts (value: unknown): readonly string[] | null {
  if (Array.isArray(value)) return value.filter(text => typeof text === 'string' && text !== '')
  const text = asText(value)
  return text === null ? null : [text]
}

function firstOf<T> (sources: Sources, name: string, read: (value: unknown) => T | null): T | null {
  for (const source of sources) {
    const found = read(readClaim(source, name))
    if (found !== null) return found
  }
  return null
}

/** From the first source that has any. */
export function readGroups ({ groups_claim: name }: ClaimNames, ...sources: Sources): readonly string[] {
  return Object.freeze(firstOf(sources, name, asTexts) ?? NOTHING)
}

/** From the first source that has one. */
export function readUser ({ user_id_claim: name }: ClaimNames, ...sources: Sources): string | null {
  return firstOf(sources, name, asText)
}

/** From the first source that has one; null where any says that it is not verified (OpenID Connect Core 1.0, section 5.1): anybody could have written it. */
export function readEmail ({ email_claim: name }: ClaimNames, ...sources: Sources): string | null {
  const isUnverified = name === STANDARD_EMAIL && sources.some(source => source?.email_verified === false || source?.email_verified === 'false')
  return isUnverified ? null : firstOf(sources, name, asText)
}
