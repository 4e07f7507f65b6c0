import type { Clock, EpochSeconds } from 'fastify-oidc-session-store'
import { ConsumersUnavailableError } from '../errors.ts'
import type { ConsumerKey, ConsumerOptions, ConsumerRecord } from '../options/consumer-options.ts'
import { asText } from '../policy/claim-names.ts'
import { readClaim, type ClaimPath } from '../policy/claim-path.ts'
import { boundNames, type PolicyRefusal } from '../policy/refusal.ts'
import type { PolicySubject } from '../policy/subject.ts'
import { isEmailUnverified } from '../policy/verified-email.ts'
import type { ConsumerLookup, LookedUp } from './consumer-lookup.ts'

/** Who somebody is here. */
export interface MappedConsumer {
  readonly id: string | null
  readonly username: string | null
  readonly custom_id: string | null
  readonly groups: readonly string[]
  readonly tags: readonly string[]
  /** It stands for whoever is no other consumer. */
  readonly isAnonymous: boolean
}

/** `refused`: no consumer, where there must be one. */
export type Outcome<T> =
  | { readonly kind: 'mapped', readonly mapping: T }
  | { readonly kind: 'refused', readonly refusal: PolicyRefusal }

export interface ConsumerMapperRoom<T> {
  readonly options: Pick<ConsumerOptions, 'claims' | 'by' | 'optional' | 'anonymous'>
  /** null: nobody is a consumer. */
  readonly lookup: ConsumerLookup | null
  readonly clock: Clock
  /** What requests are given, made once for a subject as long as its consumer holds; null: nobody is known. */
  present (subject: PolicySubject | null, consumer: MappedConsumer | null): T
}

/** Says which consumer somebody is. */
export interface ConsumerMapper<T> {
  /** @throws FST_OIDC_CONSUMERS_UNAVAILABLE */
  map (subject: PolicySubject): Outcome<T> | Promise<Outcome<T>>
  /**
   * Who requests without credentials are; null: nobody.
   * @throws FST_OIDC_CONSUMERS_UNAVAILABLE
   */
  mapNobody (): T | null | Promise<T | null>
}

interface Kept<T> {
  readonly outcome: Outcome<T>
  readonly until: EpochSeconds
  readonly generation: number
}

const NOTHING: readonly string[] = Object.freeze([])
/** Nobody is called that. */
const MAX_NAME = 256
const EMAIL = 'email'

function describe (record: ConsumerRecord, isAnonymous: boolean): MappedConsumer {
  return Object.freeze({
    id: record.id ?? null,
    username: record.username ?? null,
    custom_id: record.custom_id ?? null,
    groups: Object.freeze([...record.groups ?? NOTHING]),
    tags: Object.freeze([...record.tags ?? NOTHING]),
    isAnonymous
  })
}

/** Anybody could have written an address that is not verified. */
function isUnverified ({ sources }: PolicySubject, path: ClaimPath): boolean {
  return [path].flat().join('.') === EMAIL && isEmailUnverified(sources)
}

/** From the first source that has the claim, whatever it says; null: nothing that could be a name. */
function readName (subject: PolicySubject, path: ClaimPath): string | null {
  if (isUnverified(subject, path)) return null
  for (const source of subject.sources) {
    const value = readClaim(source(), path)
    if (value === undefined || value === null) continue
    const name = asText(value)
    return name !== null && name.length <= MAX_NAME ? name : null
  }
  return null
}

/** The first of several questions that is answered with a consumer; it holds as long as all answers do. */
async function findFirst (lookup: ConsumerLookup, questions: ReadonlyArray<readonly [ConsumerKey, string]>): Promise<LookedUp> {
  let until = Infinity
  for (const [by, value] of questions) {
    const found = await lookup.find(by, value)
    until = Math.min(until, found.until)
    if (found.consumer !== null) return { consumer: found.consumer, until }
  }
  return { consumer: null, until }
}

export function createConsumerMapper<T> ({ options, lookup, clock, present }: ConsumerMapperRoom<T>): ConsumerMapper<T> {
  const kept = new WeakMap<PolicySubject, Kept<T>>()
  const { claims = [], by, anonymous, optional } = options
  let nobody: Kept<T | null> | null = null

  const holds = ({ until, generation }: Pick<Kept<T>, 'until' | 'generation'>): boolean => clock() < until && generation === (lookup?.generation ?? 0)

  /** Not by custom_id: that is somebody's. */
  async function findAnonymous (directory: ConsumerLookup, name: string): Promise<LookedUp> {
    const found = await findFirst(directory, [['id', name], ['username', name]])
    if (found.consumer === null) throw Object.assign(new ConsumersUnavailableError(), { cause: new Error('consumer.anonymous is neither id nor username of a consumer') })
    return found
  }

  function questionsOf (subject: PolicySubject): ReadonlyArray<readonly [ConsumerKey, string]> {
    return claims.flatMap(path => {
      const name = readName(subject, path)
      return name === null ? [] : by.map(key => [key, name] as const)
    })
  }

  function refuse (subject: PolicySubject): PolicyRefusal {
    const found = claims.map(path => readName(subject, path)).filter(name => name !== null)
    return { option: 'consumer.claims', unmet: 'unmapped', names: by, found: boundNames(found), detail: null }
  }

  async function resolve (subject: PolicySubject, directory: ConsumerLookup): Promise<Pick<Kept<T>, 'outcome' | 'until'>> {
    const own = await findFirst(directory, questionsOf(subject))
    if (own.consumer !== null) return { outcome: { kind: 'mapped', mapping: present(subject, describe(own.consumer, false)) }, until: own.until }
    if (anonymous !== undefined) {
      const { consumer, until } = await findAnonymous(directory, anonymous)
      return { outcome: { kind: 'mapped', mapping: present(subject, consumer === null ? null : describe(consumer, true)) }, until: Math.min(until, own.until) }
    }
    return { outcome: optional ? { kind: 'mapped', mapping: present(subject, null) } : { kind: 'refused', refusal: refuse(subject) }, until: own.until }
  }

  async function mapAnew (subject: PolicySubject): Promise<Outcome<T>> {
    const generation = lookup?.generation ?? 0
    const resolved = lookup === null ? { outcome: { kind: 'mapped', mapping: present(subject, null) } as const, until: Infinity } : await resolve(subject, lookup)
    kept.set(subject, { ...resolved, generation })
    return resolved.outcome
  }

  async function mapNobodyAnew (name: string, directory: ConsumerLookup): Promise<T | null> {
    const { generation } = directory
    const { consumer, until } = await findAnonymous(directory, name)
    const mapping = present(null, consumer === null ? null : describe(consumer, true))
    nobody = { outcome: { kind: 'mapped', mapping }, until, generation }
    return mapping
  }

  return {
    map (subject) {
      const known = kept.get(subject)
      return known !== undefined && holds(known) ? known.outcome : mapAnew(subject)
    },
    mapNobody () {
      if (anonymous === undefined || lookup === null) return null
      if (nobody !== null && nobody.outcome.kind === 'mapped' && holds(nobody)) return nobody.outcome.mapping
      return mapNobodyAnew(anonymous, lookup)
    }
  }
}
