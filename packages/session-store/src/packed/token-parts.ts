/** How one part of a token is kept: as text that is packed with other text, as so many bytes, or as it is. */
export type PartKind = typeof TEXT | number | string

/** A token cut at its dots, base64url undone; a text alone is a token that is better left whole. */
export type TokenPlan = readonly PartKind[] | string

const TEXT = -1
/** A signed token has three parts, an encrypted one five. */
const MAX_PARTS = 8
/** What texts are joined by: JSON has it nowhere. */
export const SEPARATOR = '\0'

/** Where the parts of tokens go. */
export interface TokenParts {
  readonly texts: string[]
  readonly bytes: Buffer[]
}

function takePart (part: string, { texts, bytes }: TokenParts): PartKind {
  const decoded = Buffer.from(part, 'base64url')
  // Another spelling of the same bytes would come back as another token.
  if (decoded.toString('base64url') !== part) return part
  const text = decoded.toString()
  if (text.startsWith('{') && !text.includes(SEPARATOR) && Buffer.from(text).equals(decoded)) {
    texts.push(text)
    return TEXT
  }
  bytes.push(decoded)
  return decoded.length
}

/** Cuts a token, and puts its parts where they pack best. */
export function takeToken (token: string, parts: TokenParts): TokenPlan {
  const pieces = token.split('.', MAX_PARTS + 1)
  return pieces.length > MAX_PARTS ? token : pieces.map(piece => takePart(piece, parts))
}

/** Gives the parts back in the order in which they were taken. */
export interface TokenSource {
  text (): string
  bytes (length: number): Buffer
}

export function giveToken (plan: TokenPlan, source: TokenSource): string {
  if (typeof plan === 'string') return plan
  return plan.map(kind => {
    if (typeof kind === 'string') return kind
    return kind === TEXT ? Buffer.from(source.text()).toString('base64url') : source.bytes(kind).toString('base64url')
  }).join('.')
}
