import { nearestName } from 'fastify-oidc-session-store'
import type { Path } from '../../configuration/positions.ts'
import { isObject, locateList, type Located } from '../apisix/source.ts'
import type { Ledger } from '../report.ts'
import { layUnder, readInfo, type Defaults } from './defaults.ts'
import { readNumber } from './values.ts'

/** An object of the file with what it belongs to: names or ids. */
export interface Entity extends Located {
  readonly route: string | null
  readonly service: string | null
  readonly consumer: string | null
}

/** What a file of Kong holds. */
export interface KongSource {
  readonly services: readonly Entity[]
  readonly routes: readonly Entity[]
  readonly plugins: readonly Entity[]
  readonly consumers: readonly Entity[]
  /** Groups of consumers for the plugin `acl`. */
  readonly acls: readonly Entity[]
  /** Of the file; decK's own where none is written. */
  readonly version: number
}

type Kind = Exclude<keyof KongSource, 'version'>
type Owner = Pick<Entity, 'route' | 'service' | 'consumer'>

const KINDS: readonly Kind[] = ['services', 'routes', 'plugins', 'consumers', 'acls']
const NOBODY: Owner = { route: null, service: null, consumer: null }
const CURRENT_VERSION = 3
const BOOKKEEPING = ['_format_version', '_comment', '_workspace', '_transform', '_plugin_configs', '_konnect', 'next', 'offset']
/** Which kinds stand in which. */
const INNER: Readonly<Record<Kind, readonly Kind[]>> = { services: ['routes', 'plugins'], routes: ['plugins'], consumers: ['plugins', 'acls'], plugins: [], acls: [] }
const SINGULAR: Readonly<Partial<Record<Kind, keyof Owner>>> = { services: 'service', routes: 'route', consumers: 'consumer' }

/** What others call it by. */
export const namesOf = ({ value, path }: Located): string[] => [value.id, value.name, value.username, path.join('.')].filter(name => typeof name === 'string')

function referenceIn (value: unknown): string | null {
  if (typeof value === 'string') return value
  if (!isObject(value)) return null
  const [first] = [value.id, value.name, value.username].filter(name => typeof name === 'string')
  return first ?? null
}

/** What it says itself goes before where it stands. */
function ownerOf ({ value }: Located, around: Owner): Owner {
  return { route: referenceIn(value.route) ?? around.route, service: referenceIn(value.service) ?? around.service, consumer: referenceIn(value.consumer) ?? around.consumer }
}

/** What objects are read into, and what is laid under them. */
interface Room {
  readonly found: Record<Kind, Entity[]>
  readonly defaults: Defaults
  readonly ledger: Ledger
}

function collect (kind: Kind, list: unknown, path: Path, around: Owner, room: Room): void {
  const { found, defaults, ledger } = room
  for (const located of locateList(list, path, ledger)) {
    const item = kind === 'services' || kind === 'routes' ? { ...located, value: layUnder(defaults[kind], located.value) } : located
    const entity = { ...item, ...ownerOf(item, around) }
    found[kind].push(entity)
    const singular = SINGULAR[kind]
    const inside = singular === undefined ? around : { ...around, [singular]: namesOf(item)[0] ?? null }
    for (const inner of INNER[kind]) if (Object.hasOwn(item.value, inner)) collect(inner, item.value[inner], [...item.path, inner], inside, room)
  }
}

/** What a body of the Admin API is; null: nobody can tell. */
function kindOf (value: Readonly<Record<string, unknown>>): Kind | null {
  if (isObject(value.config)) return 'plugins'
  if ('username' in value || 'custom_id' in value) return 'consumers'
  if ('paths' in value || 'strip_path' in value) return 'routes'
  return 'url' in value || 'host' in value ? 'services' : null
}

function readVersion (value: unknown, ledger: Ledger): number {
  const version = readNumber(value ?? CURRENT_VERSION)
  if (version === null) ledger.refuse(['_format_version'], 'must be a version, such as "3.0"')
  return version ?? CURRENT_VERSION
}

/** Reads a file of decK, or an answer or body of the Admin API. */
export function readKong (root: unknown, ledger: Ledger): KongSource {
  const found: Record<Kind, Entity[]> = { services: [], routes: [], plugins: [], consumers: [], acls: [] }
  if (!isObject(root)) {
    ledger.refuse([], 'must be an object')
    return { ...found, version: CURRENT_VERSION }
  }
  const version = readVersion(root._format_version, ledger)
  const kind = kindOf(root)
  if (kind !== null && !KINDS.some(name => Array.isArray(root[name]))) {
    found[kind].push({ value: root, path: [], ...ownerOf({ value: root, path: [] }, NOBODY) })
    return { ...found, version }
  }
  const room = { found, ledger, defaults: readInfo(root._info, ledger) }
  for (const [name, value] of Object.entries(root)) {
    if (name === '_info') continue
    if (BOOKKEEPING.includes(name)) ledger.exact([name], 'is bookkeeping')
    else if ((KINDS as readonly string[]).includes(name)) collect(name as Kind, value, [name], NOBODY, room)
    else if (name === 'data' && Array.isArray(value)) {
      value.forEach((item: unknown, index) => {
        const path = ['data', String(index)]
        const itemKind = isObject(item) ? kindOf(item) : null
        if (itemKind === null || !isObject(item)) ledger.refuse(path, 'is neither service, route, plugin nor consumer')
        else found[itemKind].push({ value: item, path, ...ownerOf({ value: item, path }, NOBODY) })
      })
    } else {
      const meant = nearestName(name, KINDS)
      ledger.refuse([name], `has no counterpart${meant === null ? '' : `; did you mean ${meant}?`}`)
    }
  }
  return { ...found, version }
}
