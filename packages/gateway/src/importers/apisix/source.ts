import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'

/** An object of the foreign file, and where it stands. */
export interface Located {
  readonly value: Readonly<Record<string, unknown>>
  readonly path: Path
}

/** What an APISIX file holds, by kind and id. */
export interface ApisixSource {
  readonly routes: readonly Located[]
  readonly services: ReadonlyMap<string, Located>
  readonly upstreams: ReadonlyMap<string, Located>
  readonly pluginConfigs: ReadonlyMap<string, Located>
  readonly globalRules: readonly Located[]
  readonly secrets: readonly Located[]
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => value !== null && typeof value === 'object' && !Array.isArray(value)

const COLLECTIONS = ['routes', 'services', 'upstreams', 'plugin_configs', 'global_rules', 'secrets']

/** Parts that none of the plugins that can be imported look at. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  consumers: 'is left out: no plugin that is imported knows consumers',
  consumer_groups: 'is left out: no plugin that is imported knows consumers',
  plugin_metadata: 'is left out: it is for plugins that are not imported',
  plugins: 'is left out: openid-connect is always there, and nothing else',
  protos: 'is left out: it is for plugins that are not imported'
}
const STANDALONE = [...COLLECTIONS, ...Object.keys(LEFT_OUT), 'ssls', 'stream_routes']
const BOOKKEEPING = ['key', 'createdIndex', 'modifiedIndex', 'total']

/** The objects of a list; others are refused. */
export function locateList (value: unknown, path: Path, ledger: Ledger): Located[] {
  if (value === null || (Array.isArray(value) && value.length === 0)) {
    ledger.exact(path, 'is empty')
    return []
  }
  if (!Array.isArray(value)) {
    ledger.refuse(path, 'must be a list')
    return []
  }
  return value.flatMap((item: unknown, index) => {
    const itemPath = [...path, String(index)]
    if (isObject(item)) return [{ value: item, path: itemPath }]
    ledger.refuse(itemPath, 'must be an object')
    return []
  })
}

function byId (items: readonly Located[], ledger: Ledger): Map<string, Located> {
  const found = new Map<string, Located>()
  for (const item of items) {
    const id = item.value.id === undefined ? null : String(item.value.id)
    if (id === null) ledger.refuse(item.path, 'has no id')
    else if (found.has(id)) ledger.refuse([...item.path, 'id'], `is the id of an earlier one: ${id}`)
    else found.set(id, item)
  }
  return found
}

function judgeCertificates (items: readonly Located[], ledger: Ledger): void {
  for (const { value, path } of items) {
    for (const name of Object.keys(value)) {
      if (name === 'client') ledger.refuse([...path, name], 'asks callers for certificates, which has no counterpart')
      else ledger.approximate([...path, name], 'is left out: give the certificate in listen.tls of a native file')
    }
  }
}

function readStandalone (root: Readonly<Record<string, unknown>>, ledger: Ledger): ApisixSource {
  const list = (name: string): Located[] => Object.hasOwn(root, name) ? locateList(root[name], [name], ledger) : []
  for (const name of Object.keys(root)) {
    if (name === 'stream_routes') ledger.refuse([name], 'are TCP and UDP routes, which have no counterpart')
    else if (name === 'ssls') judgeCertificates(list(name), ledger)
    else if (Object.hasOwn(LEFT_OUT, name)) ledger.approximate([name], LEFT_OUT[name] ?? '')
    else if (!COLLECTIONS.includes(name)) ledger.refuse([name], 'is not known to this importer')
  }
  return {
    routes: list('routes'),
    services: byId(list('services'), ledger),
    upstreams: byId(list('upstreams'), ledger),
    pluginConfigs: byId(list('plugin_configs'), ledger),
    globalRules: list('global_rules'),
    secrets: list('secrets')
  }
}

/** What the Admin API wraps around a route. */
function unwrap ({ value, path }: Located, ledger: Ledger): Located[] {
  for (const name of Object.keys(value).filter(name => name !== 'value' && name !== 'list')) {
    if (BOOKKEEPING.includes(name)) ledger.exact([...path, name], 'is bookkeeping of the Admin API')
    else ledger.refuse([...path, name], 'is not known to this importer')
  }
  if (typeof value.key === 'string' && !value.key.includes('/routes/')) {
    ledger.refuse([...path, 'value'], `is not a route: ${value.key}`)
    return []
  }
  if (isObject(value.value)) return [{ value: value.value, path: [...path, 'value'] }]
  ledger.refuse([...path, 'value'], 'must be an object')
  return []
}

function readAdmin (root: Readonly<Record<string, unknown>>, ledger: Ledger): readonly Located[] {
  if (Array.isArray(root.list)) {
    for (const name of Object.keys(root)) {
      if (name === 'list') continue
      if (BOOKKEEPING.includes(name)) ledger.exact([name], 'is bookkeeping of the Admin API')
      else ledger.refuse([name], 'is not known to this importer')
    }
    return locateList(root.list, ['list'], ledger).flatMap(item => unwrap(item, ledger))
  }
  return isObject(root.value) ? unwrap({ value: root, path: [] }, ledger) : [{ value: root, path: [] }]
}

/** Reads `apisix.yaml`, an answer of the Admin API, or the body of a route. */
export function readSource (root: unknown, ledger: Ledger): ApisixSource {
  const none = { services: new Map(), upstreams: new Map(), pluginConfigs: new Map(), globalRules: [], secrets: [] }
  if (!isObject(root)) {
    ledger.refuse([], 'must be an object')
    return { ...none, routes: [] }
  }
  // A route has `plugins` too, and there it is an object.
  const isStandalone = STANDALONE.some(name => Object.hasOwn(root, name) && !(name === 'plugins' && isObject(root[name])))
  return isStandalone ? readStandalone(root, ledger) : { ...none, routes: readAdmin(root, ledger) }
}
