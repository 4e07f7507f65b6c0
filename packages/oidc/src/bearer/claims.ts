import type { Claims } from 'fastify-oidc-session-store'

/** Whether a token is for us. */
export type Audience = 'held' | 'missing' | 'mismatched'

export interface AudienceRule {
  readonly claim: string
  readonly required: boolean
  readonly match_with_client_id: boolean
}

const MAX_DEPTH = 32
const NOTHING: readonly string[] = Object.freeze([])

function split (value: unknown): readonly string[] | null {
  if (typeof value === 'string') return value.split(' ').filter(name => name !== '')
  return Array.isArray(value) ? value.filter(name => typeof name === 'string') : null
}

/** The scopes that a token carries: `scope` (RFC 8693, section 4.2), or `scp` where providers call it so. */
export function scopesOf (claims: Claims): readonly string[] {
  return Object.freeze(split(claims.scope) ?? split(claims.scp) ?? NOTHING)
}

/** A missing audience is never one that matches. */
export function audienceOf (claims: Claims, rule: AudienceRule | undefined, clientId: string): Audience {
  if (rule === undefined || (!rule.required && !rule.match_with_client_id)) return 'held'
  const value = Object.hasOwn(claims, rule.claim) ? claims[rule.claim] : undefined
  if (value === undefined || value === null || value === false) return 'missing'
  if (!rule.match_with_client_id) return 'held'
  return value === clientId || (Array.isArray(value) && value.includes(clientId)) ? 'held' : 'mismatched'
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
