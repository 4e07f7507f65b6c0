import type { Path } from '../../../configuration/positions.ts'
import type { Ledger } from '../../report.ts'
import type { Row } from '../row.ts'
import type { AlphaDocument } from './document.ts'
import { METRICS_FIELDS, OWN_PROVIDER_FIELDS, PROVIDER_FIELDS, SERVER_FIELDS, type Fields } from './fields.ts'
import { readList, readMembers, type Member, type Members } from './members.ts'

/** A member of the YAML that is an option by another name. */
export interface WrittenMember {
  readonly row: Row
  readonly path: Path
  readonly input: unknown
  readonly variable: string | null
}

interface Reader {
  readonly document: AlphaDocument
  readonly ledger: Ledger
  readonly rowOf: (name: string) => Row | null
}

export const ALPHA_ROOTS = ['providers', 'upstreamConfig', 'injectRequestHeaders', 'injectResponseHeaders', 'server', 'metricsServer']

const SOURCES = ['value', 'fromEnv', 'fromFile']

/** The root of the YAML. */
export function readRoot ({ value }: Pick<AlphaDocument, 'value'>, ledger: Ledger): Members {
  return readMembers(value ?? {}, [], ALPHA_ROOTS, ledger)
}

/** A certificate or a key: the name of its file. */
function fileOf ({ path, input }: Member, { ledger }: Reader): Member | null {
  const source = readMembers(input, path, SOURCES, ledger)
  for (const name of ['value', 'fromEnv']) {
    const found = source.find(name)
    if (found !== null) ledger.refuse(found.path, 'must be fromFile: certificates and keys are read from files, and again on SIGHUP')
  }
  return source.find('fromFile')
}

const namesOf = (fields: Fields): string[] => [...new Set(Object.keys(fields).map(field => field.split('.')[0] ?? ''))]

/** Options among the members of an object, and of objects in it. */
function readFields (members: Members, fields: Fields, reader: Reader): WrittenMember[] {
  const { document, rowOf } = reader
  return namesOf(fields).flatMap(name => {
    const found = members.find(name)
    if (found === null) return []
    const inner = Object.entries(fields).filter(([field]) => field.startsWith(`${name}.`)).map(([field, option]) => [field.slice(name.length + 1), option] as const)
    if (inner.length > 0) return readObject(found, Object.fromEntries(inner), reader)
    const row = rowOf(fields[name] ?? '')
    const place = name === 'key' || name === 'cert' ? fileOf(found, reader) : found
    return row === null || place === null ? [] : [{ row, path: place.path, input: place.input, variable: document.variableOf(place.path) }]
  })
}

function judgeOwn (members: Members, ledger: Ledger): void {
  members.settle('id', 'is a name, for people')
  const adfs = members.find('ADFSConfig')
  if (adfs === null) return
  const skips = readMembers(adfs.input, adfs.path, ['skipScope'], ledger)
  if (skips.read('skipScope', 'flag') === true) ledger.refuse(skips.pathOf('skipScope'), 'is for a provider other than oidc: this gateway speaks OpenID Connect alone')
  else skips.settle('skipScope', 'has no effect: it is the default')
}

function readObject (member: Member | null, fields: Fields, reader: Reader): WrittenMember[] {
  return member === null ? [] : readFields(readMembers(member.input, member.path, namesOf(fields), reader.ledger), fields, reader)
}

/** The provider; null: there is none. */
export function providerOf (root: Members, ledger: Ledger): Members | null {
  const [provider, ...more] = readList(root.find('providers'), ledger)
  for (const { path } of more) ledger.refuse(path, 'must be left out: OAuth2 Proxy uses the first provider alone')
  return provider === undefined ? null : readMembers(provider.input, provider.path, [...namesOf(PROVIDER_FIELDS), ...OWN_PROVIDER_FIELDS], ledger)
}

/** An address with TLS is another one than that without: one of them is listened at. */
function judgeServer (written: readonly WrittenMember[], ledger: Ledger): WrittenMember[] {
  const find = (name: string): WrittenMember | null => written.find(({ row, input }) => row.name === name && input !== '' && input !== '-') ?? null
  const [plain, secure] = [find('http_address'), find('https_address')]
  if (plain !== null && secure !== null) {
    ledger.refuse(plain.path, 'cannot stand beside secureBindAddress: this gateway listens at one address, and force_https needs a proxy in front')
  }
  if (secure !== null) return [...written]
  return written.filter(({ row, path }) => {
    if (!row.name.startsWith('tls_')) return true
    ledger.exact(path, 'has no effect without secureBindAddress')
    return false
  })
}

/** What the YAML says that the file could say too. */
export function alphaSettings (reader: Reader): WrittenMember[] {
  const { document, ledger } = reader
  const root = readRoot(document, ledger)
  const provider = providerOf(root, ledger)
  if (provider !== null) judgeOwn(provider, ledger)
  if (root.find('server') === null) ledger.note([], 'has no server: listens at 127.0.0.1:4180 unless --listen says otherwise')
  return [
    ...provider === null ? [] : readFields(provider, PROVIDER_FIELDS, reader),
    ...judgeServer(readObject(root.find('server'), SERVER_FIELDS, reader), ledger),
    ...readObject(root.find('metricsServer'), METRICS_FIELDS, reader)
  ]
}
