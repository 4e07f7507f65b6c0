import { Positions, type Path, type Position } from '../../configuration/positions.ts'
import type { ConfigurationProblem } from '../../configuration/problems.ts'
import type { ParsedSource } from '../../configuration/source-document.ts'
import { splitCommands, type Word } from './shell-words.ts'

type Members = Record<string, unknown>

/** A request to the Admin API. */
interface AdminRequest {
  readonly method: string
  /** null: form data stand alone, and are a plugin's. */
  readonly path: readonly string[] | null
  readonly fields: ReadonlyArray<readonly [name: string, value: unknown, position: Position]>
  readonly position: Position
}

/** Options of curl that carry data: `form` is split and decoded, `literal` is one name and its value as it stands, `either` is JSON or a form. */
const DATA: Readonly<Record<string, 'form' | 'literal' | 'either'>> = { '--data': 'either', '-d': 'either', '--data-raw': 'either', '--data-ascii': 'either', '--data-binary': 'either', '--json': 'either', '--data-urlencode': 'literal', '--form': 'literal', '-F': 'literal', '--form-string': 'literal' }
/** Others that take a value, and say nothing of what is configured. */
const VALUED = new Set(['-H', '--header', '-u', '--user', '-o', '--output', '--cacert', '--cert', '--key', '-w', '--write-out', '-m', '--max-time', '--connect-timeout', '--retry', '-A', '--user-agent', '-b', '--cookie', '-e', '--referer', '-E', '-x', '--proxy', '--resolve', '--unix-socket'])
const COLLECTIONS = ['services', 'routes', 'plugins', 'consumers', 'acls']

class FormError extends Error {
  readonly position: Position
  constructor (message: string, position: Position) {
    super(message)
    this.position = position
  }
}

function readJson ({ text, position }: Word): AdminRequest['fields'] {
  let body: Members
  try {
    body = JSON.parse(text) as Members
  } catch {
    throw new FormError('has data that begins like JSON and is none', position)
  }
  return Object.entries(body).map(([name, value]) => [name, value, position] as const)
}

function readLiteral ({ text, position }: Word): AdminRequest['fields'] {
  const split = text.indexOf('=')
  if (split < 1) throw new FormError('has data without a name and a value with = between them', position)
  return [[text.slice(0, split), text.slice(split + 1), position]]
}

function readBody (word: Word, kind: 'form' | 'literal' | 'either' = 'either'): AdminRequest['fields'] {
  const { text, position } = word
  if (text.startsWith('@') || (kind === 'literal' && /^[^=]*(?:=?@|=<)/.test(text))) throw new FormError('reads data from another file: write the data itself', position)
  if (kind === 'literal') return readLiteral(word)
  return text.startsWith('{') ? readJson(word) : splitForm(text, position)
}

/** `a=1&b=2`, percent-encoded; curl sends what stands after one `--data` as it is, so a URL in it needs no encoding. */
function splitForm (text: string, position: Position): AdminRequest['fields'] {
  return text.split(/&(?=[\w.[\]%-]+=)/).filter(part => part !== '').map(part => {
    const split = part.indexOf('=')
    if (split < 1) throw new FormError('is neither a curl command nor form data: it has no name and value with = between them', position)
    try {
      return [decodeURIComponent(part.slice(0, split)), decodeURIComponent(part.slice(split + 1).replaceAll('+', ' ')), position] as const
    } catch {
      throw new FormError('has a percent sign that encodes nothing', position)
    }
  })
}

function pathOf ({ text, position }: Word): readonly string[] {
  const url = URL.canParse(text) ? text : `http://${text.replace(/^\/+/, 'admin/')}`
  if (!URL.canParse(url)) throw new FormError('has an address that is no URL', position)
  return new URL(url).pathname.split('/').filter(part => part !== '').map(part => decodeURIComponent(part))
}

/** `-sXPATCH` is `-s -X PATCH`. */
function spread (word: Word): Word[] {
  const [, flags = '', value] = /^-([^-\s]*?[XdFHuowmAbeEx])(.+)$/s.exec(word.text) ?? []
  const letters = value === undefined ? /^-([A-Za-z]{2,})$/.exec(word.text)?.[1] ?? null : flags
  if (letters === null) return [word]
  return [...[...letters].map(letter => ({ ...word, text: `-${letter}` })), ...value === undefined ? [] : [{ ...word, text: value }]]
}

function readCurl ([command, ...written]: readonly Word[]): AdminRequest {
  const position = command?.position ?? { line: 1, column: 1 }
  const words = [...written]
  let [method, address]: [string | null, Word | null] = [null, null]
  const fields: Array<AdminRequest['fields'][number]> = []
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const [head, ...tail] = spread(word)
    if (tail.length > 0) words.unshift(...tail)
    const { text } = head ?? word
    const [, inlineName, inlineValue] = /^(--[\w-]+)=(.*)$/s.exec(text) ?? []
    const name = inlineName ?? text
    const next = (): Word => inlineValue === undefined ? words.shift() ?? { ...word, text: '' } : { ...word, text: inlineValue }
    const data = Object.hasOwn(DATA, name) ? DATA[name] : undefined
    if (name === '-X' || name === '--request') method = next().text.toUpperCase()
    else if (data !== undefined) fields.push(...readBody(next(), data))
    else if (name === '--url') address = next()
    else if (VALUED.has(name)) next()
    else if (name.startsWith('-')) continue
    else if (address === null) address = word
    else throw new FormError('has two addresses, or an option of curl that this importer does not know: take it out', word.position)
  }
  if (address === null) throw new FormError('is a curl command without an address', position)
  return { method: method ?? (fields.length > 0 ? 'POST' : 'GET'), path: pathOf(address), fields, position }
}

function readRequests (commands: readonly Word[][]): readonly AdminRequest[] {
  const requests: AdminRequest[] = []
  const bare: Array<AdminRequest['fields'][number]> = []
  for (const words of commands) {
    const own = words[0]?.text === '$' ? words.slice(1) : words
    const [first] = own
    if (first === undefined) continue
    if (first.text === 'curl') requests.push(readCurl(own))
    else bare.push(...Object.hasOwn(DATA, first.text) || first.text.startsWith('--data=') ? readCurl([{ ...first, text: 'curl' }, ...own, { text: '/plugins', position: first.position }]).fields : own.flatMap(word => readBody(word)))
  }
  return bare.length === 0 ? requests : [...requests, { method: 'POST', path: null, fields: bare, position: bare[0]?.[2] ?? { line: 1, column: 1 } }]
}

/** `config.scopes[]` and `config.scopes[2]` are entries of a list, and so is a name that comes again. */
function put (root: Members, at: Path, [name, value, position]: AdminRequest['fields'][number], positions: Positions, written: Set<string>): void {
  const steps = name.replace(/\[\d*\]$/, '').split('.')
  const last = steps.pop() ?? ''
  let members = root
  steps.forEach(step => {
    const inner = Object.hasOwn(members, step) && members[step] !== null && typeof members[step] === 'object' ? members[step] as Members : {}
    Object.defineProperty(members, step, { value: inner, enumerable: true, writable: true, configurable: true })
    members = inner
  })
  const key = [...steps, last].join('.')
  const before = written.has(key) ? members[last] : undefined
  const isEntry = name.endsWith(']')
  const next = before === undefined ? isEntry ? [value] : value : [...[before].flat(), value]
  Object.defineProperty(members, last, { value: next, enumerable: true, writable: true, configurable: true })
  if (before === undefined) positions.set([...at, ...steps, last], position)
  written.add(key)
}

interface Draft {
  readonly root: Record<string, Members[]>
  readonly positions: Positions
}

function findEntity ({ root }: Draft, collection: string, id: string, method: string): number {
  const list = root[collection] ?? []
  const named = list.findIndex(({ id: own, name, username, instance_name: instance }) => [own, name, username, instance].includes(id))
  // A guide names its plugin by an id that Kong gave it.
  if (method === 'PUT') return named
  const guards = list.flatMap(({ name }, index) => name === 'openid-connect' ? [index] : [])
  return named !== -1 || collection !== 'plugins' ? named : guards.length === 1 ? guards[0] ?? -1 : -1
}

function parentOf (path: readonly string[], at: number): Members {
  const [collection = '', id] = path.slice(Math.max(0, at - 2), at)
  const singular = { services: 'service', routes: 'route', consumers: 'consumer' }[collection]
  return singular === undefined || id === undefined ? {} : { [singular]: id }
}

const named = (collection: string, id: string | undefined): Members => id === undefined ? {} : { [collection === 'consumers' ? 'username' : 'id']: id }

/** What a PUT leaves of what it replaces: which one it is, and where it stands. */
function identityOf (entity: Members, id: string | undefined): Members {
  return Object.fromEntries(Object.entries(entity).filter(([name, value]) => ['id', 'service', 'route', 'consumer'].includes(name) || (['name', 'username'].includes(name) && value === id)))
}

/** `POST` adds, `PUT` replaces or adds, `PATCH` is laid over what stands there. */
function apply (draft: Draft, { method, path, fields, position }: AdminRequest): void {
  const steps = path ?? ['plugins']
  const at = steps.findLastIndex(step => COLLECTIONS.includes(step))
  const collection = steps[at]
  if (collection === undefined) throw new FormError(`is for /${steps.join('/')}, which this importer does not know`, position)
  const id = steps[at + 1]
  if (!['POST', 'PUT', 'PATCH'].includes(method)) throw new FormError(`is ${method}, which changes nothing that could be imported: take it out`, position)
  const list = draft.root[collection] ??= []
  const known = id === undefined || method === 'POST' ? -1 : findEntity(draft, collection, id, method)
  if (method === 'PATCH' && known === -1) throw new FormError(`changes ${collection} ${id ?? ''}, of which nothing stands before it, or too much: put its POST before it`, position)
  const index = known === -1 ? list.length : known
  const entity = method === 'PATCH' ? list[index] ?? {} : { ...known === -1 ? named(collection, id) : identityOf(list[index] ?? {}, id), ...parentOf(steps, at) }
  list[index] = entity
  const place = [collection, String(index)]
  if (known === -1) draft.positions.set(place, position)
  const written = new Set<string>()
  for (const field of fields) put(entity, place, field, draft.positions, written)
}

const broken = (message: string, position: Position | null): ParsedSource => ({ kind: 'broken', problems: [{ path: [], message, position } satisfies ConfigurationProblem] })

/** Reads curl commands for Kong's Admin API, or form data alone, as if it were a file of decK. */
export function parseForm (text: string): ParsedSource {
  const commands = splitCommands(text)
  if (commands === null) return broken('has a quotation that does not end', null)
  const draft: Draft = { root: {}, positions: new Positions() }
  try {
    for (const request of readRequests(commands)) apply(draft, request)
  } catch (error) {
    if (!(error instanceof FormError)) throw error
    return broken(error.message, error.position)
  }
  draft.positions.set([], { line: 1, column: 1 })
  return { kind: 'parsed', document: { value: draft.root, positionOf: path => draft.positions.find(path) } }
}
