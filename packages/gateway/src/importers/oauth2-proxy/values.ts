/** What an option may be. Durations are seconds. */
export interface ValueTypes {
  readonly text: string
  readonly flag: boolean
  readonly list: readonly string[]
  readonly duration: number
  readonly number: number
}

export type ValueType = keyof ValueTypes
export type Read<T extends ValueType = ValueType> = { readonly value: ValueTypes[T] } | { readonly problem: string }

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True']
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False']
const DURATION = /^[+-]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)/g
const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 }
const MAX_TEXT = 64 * 1024

function readText (input: unknown): Read<'text'> {
  if (typeof input === 'number') return { value: String(input) }
  if (typeof input !== 'string') return { problem: 'must be a text' }
  return input.length > MAX_TEXT ? { problem: 'is too long' } : { value: input }
}

function readFlag (input: unknown): Read<'flag'> {
  if (typeof input === 'boolean') return { value: input }
  if (TRUE.includes(String(input))) return { value: true }
  return FALSE.includes(String(input)) ? { value: false } : { problem: 'must be true or false' }
}

/** Commas part the members of a text; quotes keep those that have commas in them together (RFC 4180, section 2). */
export function splitList (text: string): readonly string[] | null {
  if (text === '') return []
  const members: string[] = []
  const member = /\s*"((?:[^"]|"")*)"\s*(,|$)|([^",]*)(,|$)/y
  while (member.lastIndex <= text.length) {
    const found = member.exec(text)
    if (found === null) return null
    members.push(found[1]?.replaceAll('""', '"') ?? found[3] ?? '')
    if ((found[2] ?? found[4]) === '') return members
  }
  return null
}

function readList (input: unknown): Read<'list'> {
  if (Array.isArray(input)) {
    const texts = input.map(readText)
    return texts.some(text => 'problem' in text) ? { problem: 'must be a list of texts' } : { value: texts.map(text => 'value' in text ? text.value : '') }
  }
  if (typeof input !== 'string') return { problem: 'must be a list of texts' }
  const value = splitList(input)
  return value === null ? { problem: 'has a quote that does not end' } : { value }
}

function readDuration (input: unknown): Read<'duration'> {
  if (typeof input === 'number' && Number.isInteger(input)) return { value: input * 1e-9 }
  if (input === '0') return { value: 0 }
  if (typeof input !== 'string' || input.length > 100 || !DURATION.test(input)) return { problem: 'must be a duration such as 168h or 1h30m' }
  const seconds = [...input.matchAll(PART)].reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (SECONDS[unit] ?? 0), 0)
  return { value: input.startsWith('-') ? -seconds : seconds }
}

function readNumber (input: unknown): Read<'number'> {
  const value = typeof input === 'string' && /^-?\d{1,15}$/.test(input) ? Number(input) : input
  return typeof value === 'number' && Number.isInteger(value) ? { value } : { problem: 'must be a whole number' }
}

const READ: { readonly [T in ValueType]: (input: unknown) => Read<T> } = { text: readText, flag: readFlag, list: readList, duration: readDuration, number: readNumber }

/** Reads a value as forgivingly as OAuth2 Proxy does: `"false"` is false, a text is a list. */
export function readValue (type: ValueType, input: unknown): Read {
  return READ[type](input)
}
