import type { Claims } from 'fastify-oidc-session-store'
import type { Audience } from '../policy/subject.ts'

/** `claim_validator.audience`. */
export interface AudienceRule {
  readonly claim: string
  readonly required: boolean
  /** null: it need not be the client. */
  readonly clientId: string | null
}

const MAX_DEPTH = 32
const NOTHING: readonly string[] = Object.freeze([])

function split (value: unknown): readonly string[] | null {
  if (typeof value === 'string') return value.split(' ').filter(name => name !== '')
  return Array.isArray(value) ? value.flatMap(name => split(name) ?? NOTHING) : null
}

/** The scopes that a token carries: `scope` (RFC 8693, section 4.2), or `scp` where providers call it so. */
export function scopesOf (claims: Claims): readonly string[] {
  return Object.freeze(split(claims.scope) ?? split(claims.scp) ?? NOTHING)
}

const names = (value: unknown, name: string): boolean => value === name || (Array.isArray(value) && value.includes(name))

/** A missing audience is never one that matches. */
export function audienceOf (claims: Claims, { claim, required, clientId }: AudienceRule): Audience {
  if (!required && clientId === null) return 'held'
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  if (value === undefined || value === null || value === false) return 'missing'
  return clientId === null || names(value, clientId) ? 'held' : 'mismatched'
}

function membersOf (values: readonly object[]): object[] {
  return values.flatMap(value => Object.values(value)).filter((member): member is object => member !== null && typeof member === 'object')
}

/** Freezes claims with all that is in them, so that requests can share them; false: they are nested too deep. */
export function freezeClaims (claims: Claims): boolean {
  let level: object[] = [claims]
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth++) {
    for (const value of level) Object.freeze(value)
    level = membersOf(level)
  }
  return level.length === 0
}
