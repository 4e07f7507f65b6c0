import { checkOptions, type OptionProblem } from 'fastify-oidc-session-store'
import { problemAt, under } from './problems.ts'
import { headerSchema } from './schema.ts'

/** A header that the gateway adds. */
export interface AddedHeader {
  /** Lower case. */
  readonly name: string
  readonly value:
    | { readonly kind: 'fixed', readonly text: string }
    | { readonly kind: 'claim', readonly claim: string, readonly prefix: string }
    /** User name from a claim, and a password that is always the same (RFC 7617). */
    | { readonly kind: 'basic', readonly claim: string, readonly password: string }
}

const TOKEN = /^[A-Za-z0-9-]+$/
const TEXT = /^[\t\x20-\x7e]*$/

/** Of the connection, of the message, or set by the gateway itself. */
const RESERVED: ReadonlySet<string> = new Set([
  'connection', 'content-length', 'content-type', 'content-encoding', 'cookie', 'expect', 'forwarded', 'host', 'keep-alive', 'location', 'proxy', 'proxy-authenticate', 'proxy-authorization',
  'proxy-connection', 'set-cookie', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'www-authenticate', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-port', 'x-forwarded-proto', 'x-original-url', 'x-real-ip', 'x-rewrite-url'
])

function nameProblem (name: string): string | null {
  if (!TOKEN.test(name)) return 'is not the name of a header: letters, digits and hyphens'
  return RESERVED.has(name.toLowerCase()) ? 'is a header that cannot be set here' : null
}

type Checked = { readonly header: AddedHeader | null, readonly problems: readonly OptionProblem[] }

function checkEntry (name: string, input: unknown): Checked {
  const failed = (problems: readonly OptionProblem[]): Checked => ({ header: null, problems })
  const wrongName = nameProblem(name)
  if (wrongName !== null) return failed([problemAt([], wrongName)])
  const { options, problems } = checkOptions(headerSchema, input)
  if (problems.length > 0) return failed(problems)
  const { value, claim, prefix, basic_password: password } = options
  if ((value === undefined) === (claim === undefined)) return failed([problemAt([], 'needs either value or claim')])
  if (value !== undefined && (prefix !== undefined || password !== undefined)) return failed([problemAt([prefix === undefined ? 'basic_password' : 'prefix'], 'is for a claim')])
  if (prefix !== undefined && password !== undefined) return failed([problemAt(['prefix'], 'cannot stand beside basic_password')])
  for (const [option, text] of Object.entries({ value, prefix })) if (text !== undefined && !TEXT.test(text)) return failed([problemAt([option], 'must be printable ASCII')])
  const lower = name.toLowerCase()
  if (value !== undefined) return { header: { name: lower, value: { kind: 'fixed', text: value } }, problems }
  if (password !== undefined) return { header: { name: lower, value: { kind: 'basic', claim: claim ?? '', password } }, problems }
  return { header: { name: lower, value: { kind: 'claim', claim: claim ?? '', prefix: prefix ?? '' } }, problems }
}

/** Reads `headers.request` or `headers.response` of a route. */
export function checkHeaders (input: unknown): { readonly headers: readonly AddedHeader[], readonly problems: readonly OptionProblem[] } {
  if (input === undefined) return { headers: [], problems: [] }
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return { headers: [], problems: [problemAt([], 'must be an object: { X-Name: { claim: sub } }')] }
  const headers: AddedHeader[] = []
  const problems: OptionProblem[] = []
  for (const [name, entry] of Object.entries(input)) {
    const checked = checkEntry(name, entry)
    problems.push(...under([name], checked.problems))
    if (checked.header === null) continue
    if (headers.some(header => header.name === name.toLowerCase())) problems.push(problemAt([name], 'is there twice'))
    headers.push(checked.header)
  }
  return { headers, problems }
}
