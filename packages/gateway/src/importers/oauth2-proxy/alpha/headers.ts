import { formatProblem } from 'fastify-oidc-session-store'
import { checkHeaders } from '../../../configuration/headers.ts'
import type { Path } from '../../../configuration/positions.ts'
import { emailClaimOf } from '../headers.ts'
import type { Context } from '../row.ts'
import type { AlphaDocument } from './document.ts'
import { readList, readMembers, type Member, type Members } from './members.ts'

type Parts = Omit<Context, 'path'>
type Header = Readonly<Record<string, string>>

/** Headers of one direction, by name. */
export type AlphaHeaders = Readonly<Record<string, Header>>

/** What header entries are read with. */
interface Reader extends Parts {
  readonly alpha: AlphaDocument
  /** Names that `additionalClaims` has. */
  readonly additional: readonly string[]
}

const SECRET = ['value', 'fromEnv', 'fromFile']
const CLAIM = ['claim', 'prefix', 'basicAuthPassword']
const NEVER: Readonly<Record<string, string>> = {
  refresh_token: 'cannot be refresh_token: it is for the provider alone',
  created_at: 'has no counterpart: when a session began is no claim',
  expires_on: 'has no counterpart: when a session ends is no claim'
}

function claimOf (name: string, path: Path, { ledger, settings, additional }: Reader): string | null {
  switch (name) {
    case 'user': return 'sub'
    case 'email': return emailClaimOf({ settings })
    case 'groups': return settings.text('oidc_groups_claim') ?? 'groups'
    case 'access_token':
    case 'id_token':
    case 'preferred_username': return name
  }
  if (NEVER[name] === undefined && additional.includes(name)) return name
  ledger.refuse(path, NEVER[name] ?? 'is not in additionalClaims of the provider, and OAuth2 Proxy would never send it: name it there')
  return null
}

/** Where values stand in the entry itself, they are base64, as the documents have it; under `secretSource` they are as they are. */
function decodeBase64 (text: string): string | null {
  const decoded = Buffer.from(text, 'base64')
  return decoded.length > 0 && decoded.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') ? decoded.toString('utf8') : null
}

function textOfFile (name: string, path: Path, { alpha, ledger }: Reader): string | null {
  const text = alpha.files.get(name) ?? null
  if (text === null) ledger.refuse(path, 'is a file that cannot be read')
  else ledger.approximate(path, 'is read once, at the start, without a line end after it')
  return text?.replace(/\r?\n$/, '') ?? null
}

/** A fixed text; null: it is refused. */
function readSecret (members: Members, isBase64: boolean, reader: Reader): string | null {
  const { ledger, alpha } = reader
  const written = SECRET.filter(name => members.find(name) !== null)
  const [name, another] = written
  if (name === undefined || another !== undefined) {
    ledger.refuse(members.path, 'must have exactly one of value, fromEnv and fromFile')
    return null
  }
  const text = members.read(name, 'text')
  const path = members.pathOf(name)
  if (text === null) return null
  if (name === 'fromFile') return textOfFile(text, path, reader)
  ledger.exact(path, 'is value here')
  if (name === 'fromEnv') return `$ENV://${text}`
  const variable = alpha.variableOf(path)
  if (!isBase64) return variable === null ? text : `$ENV://${variable}`
  const decoded = decodeBase64(text)
  if (decoded === null) ledger.refuse(path, 'must be base64, or stand as it is under secretSource')
  return decoded
}

function readClaim (members: Members, isBase64: boolean, reader: Reader): Header | null {
  const { ledger } = reader
  const written = members.read('claim', 'text')
  const claim = written === null ? null : claimOf(written, members.pathOf('claim'), reader)
  if (written === null && members.find('claim') === null) ledger.refuse(members.path, 'must have a claim')
  if (claim === null) return null
  members.settle('claim', `is claim: ${claim} here`)
  const prefix = members.read('prefix', 'text')
  members.settle('prefix', 'is prefix here')
  const basic = members.find('basicAuthPassword')
  if (basic === null) return { claim, ...prefix === null || prefix === '' ? {} : { prefix } }
  if (prefix !== null && prefix !== '') ledger.refuse(members.pathOf('prefix'), 'has no effect beside basicAuthPassword: leave it out')
  const password = readPassword(basic, isBase64, reader)
  return password === null ? null : { claim, basic_password: password }
}

/** With `secretSource` around it, or without. */
function readPassword ({ path, input }: Member, isBase64: boolean, reader: Reader): string | null {
  const members = readMembers(input, path, [...SECRET, 'secretSource'], reader.ledger)
  const source = members.find('secretSource')
  return source === null ? readSecret(members, isBase64, reader) : readSecret(readMembers(source.input, source.path, SECRET, reader.ledger), false, reader)
}

function readHeaderValue ({ path, input }: Member, reader: Reader): Header | null {
  const { ledger } = reader
  const members = readMembers(input, path, ['secretSource', 'claimSource', ...SECRET, ...CLAIM], ledger)
  const [secret, claim] = [members.find('secretSource'), members.find('claimSource')]
  const kinds = [secret !== null, claim !== null, SECRET.some(name => members.find(name) !== null), CLAIM.some(name => members.find(name) !== null)]
  if (kinds.filter(Boolean).length !== 1) {
    ledger.refuse(path, 'must have exactly one of secretSource and claimSource')
    return null
  }
  if (claim !== null) return readClaim(readMembers(claim.input, claim.path, CLAIM, ledger), false, reader)
  if (kinds[3] === true) return readClaim(members, true, reader)
  const value = secret === null ? readSecret(members, true, reader) : readSecret(readMembers(secret.input, secret.path, SECRET, ledger), false, reader)
  return value === null ? null : { value }
}

function readHeader (entry: Member, isResponse: boolean, reader: Reader): { readonly name: string, readonly header: Header } | null {
  const { ledger } = reader
  const members = readMembers(entry.input, entry.path, ['name', 'preserveRequestValue', 'InsecureSkipHeaderNormalization', 'values'], ledger)
  const name = members.read('name', 'text') ?? ''
  if (members.read('preserveRequestValue', 'flag') === true && !isResponse) ledger.refuse(members.pathOf('preserveRequestValue'), 'must be false: headers that a caller sends under this name are always removed')
  else members.settle('preserveRequestValue', 'is what this gateway does')
  members.read('InsecureSkipHeaderNormalization', 'flag')
  members.settle('InsecureSkipHeaderNormalization', 'has no effect: names of headers are in lower case, and mean the same')
  const values = readList(members.find('values'), ledger)
  const [value, another] = values
  if (value === undefined) ledger.refuse(members.path, 'must have a value')
  else if (another !== undefined) ledger.refuse(another.path, 'must be the only one: several values in one header have no counterpart')
  const header = value === undefined ? null : readHeaderValue(value, reader)
  if (header === null) return null
  const [problem] = checkHeaders({ [name]: header }).problems
  if (problem !== undefined) {
    ledger.refuse(members.pathOf('name'), problem.path.length === 1 ? problem.message : formatProblem({ ...problem, path: problem.path.slice(1) }))
    return null
  }
  members.settle('name', 'is in headers here')
  return { name, header }
}

/** `injectRequestHeaders` or `injectResponseHeaders`. */
export function readAlphaHeaders (member: Member | null, additional: readonly string[], alpha: AlphaDocument, parts: Parts): AlphaHeaders {
  const reader: Reader = { ...parts, alpha, additional }
  const isResponse = /response/i.test(member?.path[0] ?? '')
  const headers: Record<string, Header> = {}
  const taken = new Set<string>()
  for (const entry of readList(member, parts.ledger)) {
    const read = readHeader(entry, isResponse, reader)
    if (read === null) continue
    if (taken.has(read.name.toLowerCase())) parts.ledger.refuse(entry.path, 'has the name of an earlier one')
    taken.add(read.name.toLowerCase())
    headers[read.name] = read.header
    parts.draft.traceHeader(isResponse ? 'response' : 'request', read.name, entry.path)
  }
  return headers
}
