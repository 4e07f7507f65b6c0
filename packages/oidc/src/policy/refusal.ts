/** Why a policy refuses somebody, without a token in it. */
export interface PolicyRefusal {
  /** The option that refuses. */
  readonly option: string
  /** Its part; `absent`: there is nothing that it could look at; `schema`: the claims do not hold against it; `late`: a login is too long ago; `unmapped`: no consumer is called that. */
  readonly unmet: 'all_of' | 'any_of' | 'none_of' | 'absent' | 'schema' | 'late' | 'unmapped'
  /** Of what the option says: names that are missing, or that must not be there. */
  readonly names: readonly string[]
  /** What the caller has instead; bounded, and fit for a line. */
  readonly found: readonly string[]
  /** Where there is more to say. */
  readonly detail: string | null
}

const MAX_NAMES = 20
const MAX_LENGTH = 100

function printable (text: string): string {
  const line = text.slice(0, MAX_LENGTH).replace(/[\p{C}\p{Z}]/gu, character => character === ' ' ? ' ' : '?')
  return text.length > MAX_LENGTH ? `${line}…` : line
}

/** What was found, as it may stand in a log. */
export function boundNames (names: readonly string[]): readonly string[] {
  const shown = names.slice(0, MAX_NAMES).map(printable)
  return names.length > MAX_NAMES ? [...shown, `and ${names.length - MAX_NAMES} more`] : shown
}

function wants ({ unmet, names, detail }: PolicyRefusal): string {
  const list = names.join(', ')
  switch (unmet) {
    case 'all_of': return `misses ${list}`
    case 'any_of': return `wants one of ${list}`
    case 'none_of': return detail ?? `shuts out ${list}`
    case 'absent': return detail ?? 'has nothing to look at'
    case 'schema': return `does not hold: ${detail ?? ''}`
    case 'late': return `wants a login of the last ${list} seconds`
    case 'unmapped': return `lead to nobody by ${list}`
  }
}

/** One line for a person. */
export function explainRefusal (refusal: PolicyRefusal): string {
  const { option, unmet, found } = refusal
  const held = unmet === 'schema' || unmet === 'absent' ? '' : `; found ${found.length === 0 ? 'none' : found.join(', ')}`
  return `${option} ${wants(refusal)}${held}`
}
