import { isElsewhere, readClaim, type ClaimPath, type ClaimSources } from './claim-path.ts'

/** Names that a claim holds: scopes, groups, roles. */
export interface FoundNames {
  readonly names: readonly string[]
  /** False: there may be more of them, so that nobody can say that one is missing. */
  readonly isComplete: boolean
}

const NOTHING: readonly string[] = Object.freeze([])
const NONE: FoundNames = Object.freeze({ names: NOTHING, isComplete: true })
const UNKNOWN: FoundNames = Object.freeze({ names: NOTHING, isComplete: false })

/** A text that is not empty, or a number as one; null: neither. */
export function asText (value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : typeof value === 'number' ? String(value) : null
}

function found (values: readonly unknown[]): FoundNames {
  const names = values.map(asText).filter(name => name !== null)
  return { names: Object.freeze(names), isComplete: values.every(value => value === '' || asText(value) !== null) }
}

/** A scope has none (RFC 6749, section 3.3): with one in it, nobody can say which scopes these are. */
const withoutBlanks = ({ names, isComplete }: FoundNames): FoundNames => ({ names, isComplete: isComplete && !names.some(name => /\s/.test(name)) })

/** ZITADEL's roles: each a member whose value says where it holds. */
function foundKeys (value: object): FoundNames {
  const isRole = ([, holds]: [string, unknown]): boolean => holds !== null && typeof holds === 'object' && !Array.isArray(holds)
  const members = Object.entries(value)
  return { names: Object.freeze(members.filter(isRole).map(([name]) => name)), isComplete: members.every(isRole) }
}

/** How names may stand in a claim: as a text or a list; `words`: a text is several of them where it has blanks; `roles`: members of an object are names as well. */
export type Notation = 'names' | 'words' | 'roles'

/** What a claim says. */
export function namesIn (value: unknown, notation: Notation): FoundNames {
  if (notation === 'words') return withoutBlanks(found([value].flat().flatMap(member => typeof member === 'string' ? member.split(' ') : [member])))
  if (Array.isArray(value)) return found(value)
  return notation === 'roles' && value !== null && typeof value === 'object' ? foundKeys(value) : found([value])
}

/** Of the first source that has the claim. */
export function readNames (sources: ClaimSources, path: ClaimPath, notation: Notation): FoundNames {
  let none = NONE
  for (const source of sources) {
    const claims = source()
    const value = readClaim(claims, path)
    if (value !== undefined && value !== null) return namesIn(value, notation)
    if (isElsewhere(claims, path)) none = UNKNOWN
  }
  return none
}

/** Names that were granted, whatever a claim says. */
export function givenNames (names: readonly string[]): FoundNames {
  return names.length === 0 ? NONE : { names, isComplete: true }
}
