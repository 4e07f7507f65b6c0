import { foldEmail, isEmail } from './email-list.ts'

/** Addresses that stand in a file, as it is now. */
export interface EmailFile {
  covers (email: string): boolean
  /** Another number whenever it was read again: verdicts from before do not hold. */
  readonly version: number
}

/** What stands in such a file. */
export interface WrittenEmails {
  readonly emails: ReadonlySet<string>
  /** Lines that look as if they stood for a whole domain, and stand for one address like any other. */
  readonly wildcards: readonly number[]
}

const WILDCARD = '*@'
const MOST_LINES = 10

/** Of many the first. */
export function namesLines (lines: readonly number[]): string {
  return `${lines.length === 1 ? 'line' : 'lines'} ${lines.slice(0, MOST_LINES).join(', ')}${lines.length > MOST_LINES ? ', …' : ''}`
}

const QUOTED = /^"((?:[^"]|"")*)"/

function readColumn (line: string): string {
  const quoted = QUOTED.exec(line)?.[1]
  return (quoted === undefined ? line.split(',', 1)[0] ?? '' : quoted.replaceAll('""', '"')).trim()
}

/**
 * Reads addresses, one a line: of several columns (CSV) the first. Empty lines and those with `#` in front are nobody.
 * @throws Error that names every line without an address, and says nothing of what stands there
 */
export function parseEmailFile (text: string): WrittenEmails {
  const emails = new Set<string>()
  const [wrong, wildcards]: [number[], number[]] = [[], []]
  for (const [index, written] of text.replace(/^\uFEFF/, '').split('\n').entries()) {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) continue
    const email = readColumn(line)
    if (isEmail(email)) emails.add(foldEmail(email))
    else wrong.push(index + 1)
    if (email.startsWith(WILDCARD)) wildcards.push(index + 1)
  }
  if (wrong.length > 0) throw new Error(`${namesLines(wrong)}: no e-mail address in the first column`)
  return { emails, wildcards }
}
