import { createHash } from 'node:crypto'

/** One user of the file. */
export interface PasswordEntry {
  readonly kind: 'bcrypt' | 'sha'
  readonly hash: string
  /** Changes with the hash, and opens nothing. */
  readonly stamp: string
}

/** Users by name. */
export type PasswordEntries = ReadonlyMap<string, PasswordEntry>

const BCRYPT = /^\$2[abxy]\$(\d\d)\$[./A-Za-z0-9]{53}$/
const SHA = /^\{SHA\}[A-Za-z0-9+/]{27}=$/
const MIN_COST = 4
/** Each step doubles the time of every guess, and of every sign-in. */
const MAX_COST = 15
const MAX_NAME_BYTES = 255
const CONTROL = /[\u0000-\u001f\u007f]/ // eslint-disable-line no-control-regex -- these are what it looks for

/** Could anybody in a file be called so? */
export function isName (name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES && !name.includes(':') && !CONTROL.test(name)
}

function stampOf (name: string, hash: string): string {
  return createHash('sha256').update(`${name}\0${hash}`).digest('base64url')
}

function readEntry (name: string, hash: string): PasswordEntry | string {
  if (!isName(name)) return `the name is empty, has control characters, or is longer than ${MAX_NAME_BYTES} bytes`
  if (SHA.test(hash)) return { kind: 'sha', hash, stamp: stampOf(name, hash) }
  const cost = BCRYPT.exec(hash)?.[1]
  if (cost === undefined) return 'the hash is neither bcrypt ($2a$, $2b$, $2x$, $2y$) nor {SHA}: make it with `htpasswd -B`'
  if (Number(cost) < MIN_COST || Number(cost) > MAX_COST) return `the cost of bcrypt must be from ${MIN_COST} to ${MAX_COST}`
  return { kind: 'bcrypt', hash, stamp: stampOf(name, hash) }
}

/**
 * Reads a password file as `htpasswd` of Apache writes it: `name:hash`, empty lines and lines with `#` aside.
 * @throws Error that names every line which is none, and says nothing of what stands there
 */
export function parsePasswordFile (text: string): PasswordEntries {
  const entries = new Map<string, PasswordEntry>()
  const lineOf = new Map<string, number>()
  const problems: string[] = []
  for (const [index, written] of text.split('\n').entries()) {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) continue
    const colon = line.indexOf(':')
    const name = line.slice(0, Math.max(colon, 0))
    const entry = colon < 0 ? 'there is no colon' : readEntry(name, line.slice(colon + 1))
    const before = lineOf.get(name)
    if (typeof entry === 'string') problems.push(`line ${index + 1}: ${entry}`)
    else if (before !== undefined) problems.push(`line ${index + 1}: the name stands on line ${before} already`)
    else {
      entries.set(name, entry)
      lineOf.set(name, index + 1)
    }
  }
  if (problems.length > 0) throw new Error(problems.join('; '))
  return entries
}
