import type { OptionProblem } from 'fastify-oidc-session-store'
import type { FoundNames } from './claim-names.ts'

/** A requirement as options write it. */
export type WrittenRequirement = string | readonly string[] | { readonly all_of?: readonly string[], readonly any_of?: readonly string[], readonly none_of?: readonly string[] }

/** Which names somebody must have, and must not. */
export interface Requirement {
  readonly allOf: readonly string[]
  /** One of these, each of which may be several names; empty: no matter. */
  readonly anyOf: ReadonlyArray<readonly string[]>
  readonly noneOf: readonly string[]
}

/** How an option reads what is written. */
export interface RequirementForm {
  /** What a bare list means. */
  readonly bare: 'all_of' | 'any_of'
  /** Names have no blanks: an entry with one is several names, all of them. */
  readonly hasBlanks: boolean
}

type Member = 'all_of' | 'any_of' | 'none_of'
type Lists = Partial<Record<Member, readonly string[]>>

/** Which part of a requirement somebody does not meet. */
export interface Shortfall {
  readonly member: Member
  /** Of the requirement: those that are missing, or must not be there. */
  readonly names: readonly string[]
}

const EVERYONE = 'is empty, and would let everyone in: name what is required, or leave it out'

const wordsOf = (text: string): string[] => text.split(/\s+/).filter(word => word !== '')

function listsOf (written: WrittenRequirement, { bare }: RequirementForm): Lists {
  if (typeof written === 'string') return { all_of: wordsOf(written) }
  return isList(written) ? { [bare]: written } : written
}

function isList (written: Exclude<WrittenRequirement, string>): written is readonly string[] {
  return Array.isArray(written)
}

/** The entry, or what it means where names have no blanks. */
const namesOf = (entry: string, { hasBlanks }: RequirementForm): string[] => hasBlanks ? [entry] : wordsOf(entry)

function checkLists (lists: Lists, written: WrittenRequirement, form: RequirementForm): OptionProblem[] {
  const isNested = typeof written !== 'string' && !isList(written)
  const at = (member: Member, index?: number): string[] => [...isNested ? [member] : [], ...index === undefined ? [] : [String(index)]]
  const members = Object.entries(lists) as Array<[Member, readonly string[]]>
  if (members.length === 0) return [{ path: [], message: 'needs all_of, any_of or none_of: as it is, it would let everyone in' }]
  return members.flatMap(([member, entries]) => {
    if (entries.length === 0) return [{ path: at(member), message: EVERYONE }]
    return entries.flatMap((entry, index): OptionProblem[] => {
      const words = namesOf(entry, form)
      if (words.length === 0 || entry.trim() === '') return [{ path: at(member, index), message: 'is blank: name what is required' }]
      return member === 'none_of' && words.length > 1 ? [{ path: at(member, index), message: 'has a blank in it: give each name an entry of its own' }] : []
    })
  })
}

/** Names that are asked for and shut out at once. */
function findContradictions ({ allOf, anyOf, noneOf }: Requirement): OptionProblem[] {
  const problem = (name: string, member: Member): OptionProblem => ({ path: ['none_of'], message: `has ${JSON.stringify(name)}, which stands in ${member} too: nobody is let in by it, so take it out of one of them` })
  return [
    ...noneOf.filter(name => allOf.includes(name)).map(name => problem(name, 'all_of')),
    ...noneOf.filter(name => anyOf.some(names => names.includes(name))).map(name => problem(name, 'any_of'))
  ]
}

const unique = (names: readonly string[]): string[] => [...new Set(names)]

/** Reads a requirement; the problems' paths begin below the option. */
export function readRequirement (written: WrittenRequirement, form: RequirementForm): { readonly requirement: Requirement, readonly problems: readonly OptionProblem[] } {
  const lists = listsOf(written, form)
  const all = (entries: readonly string[] = []): string[] => unique(entries.flatMap(entry => namesOf(entry, form)))
  const requirement: Requirement = {
    allOf: all(lists.all_of),
    anyOf: (lists.any_of ?? []).map(entry => unique(namesOf(entry, form))),
    noneOf: all(lists.none_of)
  }
  const problems = checkLists(lists, written, form)
  return { requirement, problems: problems.length > 0 ? problems : findContradictions(requirement) }
}

/** What is not met; null: all of it is. Names that may be incomplete never show that one is missing from `none_of`. */
export function findShortfall ({ allOf, anyOf, noneOf }: Requirement, { names, isComplete }: FoundNames): Shortfall | null {
  const has = new Set(names)
  const missing = allOf.filter(name => !has.has(name))
  if (missing.length > 0) return { member: 'all_of', names: missing }
  if (anyOf.length > 0 && !anyOf.some(entry => entry.every(name => has.has(name)))) return { member: 'any_of', names: anyOf.map(entry => entry.join(' ')) }
  const excluded = noneOf.filter(name => has.has(name))
  if (excluded.length > 0) return { member: 'none_of', names: excluded }
  return noneOf.length > 0 && !isComplete ? { member: 'none_of', names: noneOf } : null
}
