import { createHash } from 'node:crypto'
import type { Claims, EpochSeconds, OptionProblem } from 'fastify-oidc-session-store'
import { asText } from './claim-names.ts'
import { boundNames, type PolicyRefusal } from './refusal.ts'
import type { PolicyOptions, WrittenAcrValues } from './schema.ts'

/** What a login must have been like: by one of these means, and no longer ago than this. */
export interface Demand {
  /** One of these, in order of preference; empty: no matter. */
  readonly acrValues: readonly string[]
  /** Seconds; null: no matter. */
  readonly maxAge: number | null
  /** The same for the same demand, whatever the order. */
  readonly key: string
}

/** How somebody proved who they are. */
export interface Proof {
  readonly acr: string | null
  /** `now`: with this request; null: nobody says. */
  readonly authTime: EpochSeconds | 'now' | null
}

/** Part of a demand that somebody does not meet. */
export type Shortage = 'acr_values' | 'max_age'

const MAX_TOGETHER = 500
const KEY_LENGTH = 16
/** What stands between quotes in a challenge as it is, and has no blank (RFC 9470, section 3). */
const VALUE = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** Of options, of a transaction: wherever a demand is made anew. */
export function createDemand (acrValues: readonly string[], maxAge: number | null): Demand {
  const text = JSON.stringify([[...acrValues].sort(), maxAge])
  return { acrValues, maxAge, key: createHash('sha256').update(text).digest('base64url').slice(0, KEY_LENGTH) }
}

/** A text is what an authorization request carries: values with blanks between them, of which one is enough. */
function readValues (written: WrittenAcrValues | undefined): readonly string[] {
  if (written === undefined) return []
  if (typeof written === 'string') return [...new Set(written.split(' ').filter(value => value !== ''))]
  return [...new Set('any_of' in written ? written.any_of : written)]
}

function problemsOf (written: WrittenAcrValues, values: readonly string[]): string[] {
  const isWrong = (value: string): boolean => !VALUE.test(value)
  return [
    ...values.length === 0 ? ['is empty, and would let everyone in: name what is required, or leave it out'] : [],
    ...values.filter(isWrong).map(value => `has ${JSON.stringify(value)}: a value is of visible ASCII characters, without blanks, quotes and backslashes`),
    ...values.join(' ').length > MAX_TOGETHER ? [`is longer than ${MAX_TOGETHER} characters together`] : []
  ]
}

/** null: any login will do. */
export function readDemand ({ acr_values: written, max_age: maxAge }: PolicyOptions): { readonly demand: Demand | null, readonly problems: readonly OptionProblem[] } {
  const values = readValues(written)
  const problems = written === undefined ? [] : problemsOf(written, values).map(message => ({ path: ['acr_values'], message }))
  if (problems.length > 0 || (values.length === 0 && maxAge === undefined)) return { demand: null, problems }
  return { demand: createDemand(values, maxAge ?? null), problems }
}

/** Parameters of the authorization request that asks for it (OpenID Connect Core 1.0, section 3.1.2.1). */
export function demandParameters (demand: Demand | null): Readonly<Record<string, readonly string[]>> {
  return {
    ...(demand === null || demand.acrValues.length === 0 ? {} : { acr_values: [demand.acrValues.join(' ')] }),
    ...(demand === null || demand.maxAge === null ? {} : { max_age: [String(demand.maxAge)] })
  }
}

const valueIn = (claims: Claims | null, name: string): unknown => claims !== null && Object.hasOwn(claims, name) ? claims[name] : null

/** What an ID token, an access token (RFC 9470, section 6.1) or the answer to an introspection (section 6.2) says of it. */
export function readProof (claims: Claims | null): Proof {
  const time = valueIn(claims, 'auth_time')
  return { acr: asText(valueIn(claims, 'acr')), authTime: typeof time === 'number' && Number.isFinite(time) ? time : null }
}

/** Who knows no time is not recent, nor is who was there in a time to come. */
function isRecent (authTime: Proof['authTime'], maxAge: number, now: EpochSeconds, slack: number): boolean {
  if (authTime === null) return false
  return authTime === 'now' || (now - authTime <= maxAge + slack && authTime - now <= slack)
}

/** Seconds that a login takes on its way back: it must not be too old for the page that it leads to. */
const ARRIVAL = 30

/** The difference of clocks that is tolerated for a login, in seconds. */
export const loginSlack = (slack: number): number => Math.max(slack, ARRIVAL)

/** null: the demand is met. `slack` is the difference of clocks that is tolerated, in seconds. */
export function findShortage ({ acrValues, maxAge }: Demand, { acr, authTime }: Proof, now: EpochSeconds, slack: number): Shortage | null {
  if (acrValues.length > 0 && (acr === null || !acrValues.includes(acr))) return 'acr_values'
  return maxAge !== null && !isRecent(authTime, maxAge, now, slack) ? 'max_age' : null
}

/** What somebody has in place of what is missing. */
export function refuseShortage (shortage: Shortage, { acrValues, maxAge }: Demand, { acr, authTime }: Proof, now: EpochSeconds): PolicyRefusal {
  if (shortage === 'acr_values') return { option: shortage, unmet: 'any_of', names: acrValues, found: boundNames(acr === null ? [] : [acr]), detail: null }
  const age = authTime === 'now' ? 0 : authTime === null ? null : Math.floor(now - authTime)
  return { option: shortage, unmet: 'late', names: [String(maxAge)], found: age === null ? [] : [age < 0 ? `one ${-age} seconds from now` : `one ${age} seconds ago`], detail: null }
}

/** For a person and for a log. */
export function describeDemand ({ acrValues, maxAge }: Demand): string {
  return [
    ...acrValues.length === 0 ? [] : [`acr_values ${acrValues.join(' ')}`],
    ...maxAge === null ? [] : [`max_age ${maxAge}`]
  ].join(', ')
}
