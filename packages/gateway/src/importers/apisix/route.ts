import type { Path } from '../../configuration/positions.ts'
import { PLUGIN } from '../../configuration/routes.ts'
import type { Ledger } from '../report.ts'
import { COMMON, elsewhere, judgeMembers, onlyAs, pick, refused, same, UNNAMED, type Judge } from './members.ts'
import { translateBlock } from './openid-connect.ts'
import { judgePlugins, type PluginChoices } from './plugins.ts'
import { isObject, type ApisixSource, type Located } from './source.ts'
import { translateUpstream } from './upstream.ts'

/** A native route, and where its parts stood. */
export interface TranslatedRoute {
  readonly value: Readonly<Record<string, unknown>>
  /** The member of the foreign file that a member of the native route came from. */
  readonly originOf: (path: Path) => Path
}

const MATCHER = 'decides which requests the route is for, which has no counterpart'
const CODE = 'is code, which has no counterpart'

const judgeWebsocket: Judge = (value, path, ledger) => {
  if (value === true) ledger.exact(path, 'is what this gateway does')
  else ledger.approximate(path, 'is left out: WebSockets are passed on, on every route')
}

const judgeStatus = onlyAs(status => status === 1, 'must be 0 or 1')

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const ROUTE: Readonly<Record<string, Judge>> = {
  ...COMMON,
  id: same,
  name: same,
  desc: same,
  uri: same,
  uris: same,
  host: same,
  hosts: same,
  methods: same,
  priority: same,
  status: judgeStatus,
  enable_websocket: judgeWebsocket,
  service_protocol: onlyAs(protocol => protocol === 'http', 'must be http'),
  remote_addr: refused(MATCHER),
  remote_addrs: refused(MATCHER),
  vars: onlyAs(isEmptyList, MATCHER),
  filter_func: refused(CODE),
  script: refused(CODE),
  script_id: refused(CODE),
  timeout: elsewhere,
  plugins: elsewhere,
  plugin_config_id: elsewhere,
  service_id: elsewhere,
  upstream: elsewhere,
  upstream_id: elsewhere
}

const SERVICE: Readonly<Record<string, Judge>> = { ...UNNAMED, hosts: elsewhere, enable_websocket: judgeWebsocket, plugins: elsewhere, upstream: elsewhere, upstream_id: elsewhere, script: refused(CODE) }
const PLUGIN_CONFIG: Readonly<Record<string, Judge>> = { ...UNNAMED, plugins: elsewhere }

const isWritten = (owner: Located | null, name: string): owner is Located => owner !== null && owner.value[name] !== undefined && owner.value[name] !== null

/** What an id of a route or service names. */
function follow (owner: Located | null, name: string, known: ReadonlyMap<string, Located>, ledger: Ledger): Located | null {
  if (!isWritten(owner, name)) return null
  const found = known.get(String(owner.value[name])) ?? null
  if (found === null) ledger.refuse([...owner.path, name], 'names what is not in this file')
  else ledger.exact([...owner.path, name], 'is followed')
  return found
}

function inline (owner: Located, ledger: Ledger): Located | null {
  const { upstream } = owner.value
  if (isObject(upstream)) return { value: upstream, path: [...owner.path, 'upstream'] }
  ledger.refuse([...owner.path, 'upstream'], 'must be an object')
  return null
}

/** `upstream_id` goes before `upstream`, and a route's before its service's. */
function findUpstream (route: Located, service: Located | null, source: ApisixSource, ledger: Ledger): Located | null {
  const owners = [route, ...service === null ? [] : [service]]
  const owner = owners.find(one => isWritten(one, 'upstream') || isWritten(one, 'upstream_id'))
  for (const other of owners.filter(one => one !== owner)) {
    for (const name of ['upstream', 'upstream_id']) if (Object.hasOwn(other.value, name)) ledger.exact([...other.path, name], 'has no effect: the route has an upstream of its own')
  }
  if (owner === undefined) {
    ledger.refuse(route.path, 'has no upstream')
    return null
  }
  if (!isWritten(owner, 'upstream_id')) return inline(owner, ledger)
  if (Object.hasOwn(owner.value, 'upstream')) ledger.exact([...owner.path, 'upstream'], 'has no effect: upstream_id goes before it')
  return follow(owner, 'upstream_id', source.upstreams, ledger)
}

/** Of plugins of the same name, the route's goes before its plugin_config's, and that before its service's. */
function mergePlugins (owners: readonly Located[], ledger: Ledger): Map<string, { readonly value: unknown, readonly path: Path }> {
  const merged = new Map<string, { readonly value: unknown, readonly path: Path }>()
  for (const owner of owners) {
    const { plugins } = owner.value
    const path = [...owner.path, 'plugins']
    if (plugins === undefined) continue
    if (!isObject(plugins)) ledger.refuse(path, 'must be an object')
    else {
      if (Object.keys(plugins).length === 0) ledger.exact(path, 'is empty')
      for (const [name, value] of Object.entries(plugins)) {
        if (merged.has(name)) ledger.exact([...path, name], 'has no effect for a route that has the plugin itself')
        else merged.set(name, { value, path: [...path, name] })
      }
    }
  }
  return merged
}

/** A route's hosts go before its service's. */
function findHosts (route: Located, service: Located | null, ledger: Ledger): Located | null {
  const isOwn = isWritten(route, 'host') || isWritten(route, 'hosts')
  if (service === null || !Object.hasOwn(service.value, 'hosts')) return null
  if (isOwn) ledger.exact([...service.path, 'hosts'], 'has no effect for a route with hosts of its own')
  else ledger.exact([...service.path, 'hosts'])
  return isOwn ? null : service
}

function createOrigin (route: Located, parts: { readonly hosts: Located | null, readonly upstream: Located, readonly guard: Located | null }): TranslatedRoute['originOf'] {
  return path => {
    const [part, name] = path
    if (part === 'hosts') return [...(parts.hosts ?? route).path, ...path]
    if (part === 'upstream' && name === 'timeout' && Object.hasOwn(route.value, 'timeout')) return [...route.path, ...path.slice(1)]
    if (part === 'upstream') return [...parts.upstream.path, ...path.slice(1)]
    if (part === 'plugins' && name === PLUGIN && parts.guard !== null) return [...parts.guard.path, ...path.slice(2)]
    return [...route.path, ...path]
  }
}

/** The native form of a route; null where it is disabled, or its upstream is not to be found. */
export function translateRoute (route: Located, source: ApisixSource, choices: PluginChoices, ledger: Ledger): TranslatedRoute | null {
  if (route.value.status === 0) {
    // The body of a route may be the whole file, and then there is no place around it.
    if (route.path.length > 0) ledger.exact(route.path, 'is disabled (status 0), and left out')
    else for (const name of Object.keys(route.value)) ledger.exact([name], 'is of a route that is disabled (status 0), and left out')
    return null
  }
  judgeMembers(route, ROUTE, ledger)
  const service = follow(route, 'service_id', source.services, ledger)
  const config = follow(route, 'plugin_config_id', source.pluginConfigs, ledger)
  if (service !== null) judgeMembers(service, SERVICE, ledger)
  if (config !== null) judgeMembers(config, PLUGIN_CONFIG, ledger)
  const owners = [route, config, service].filter(owner => owner !== null)
  const guard = judgePlugins(mergePlugins(owners, ledger), choices, ledger)
  const block = guard === null ? null : translateBlock(guard, ledger)
  const hosts = findHosts(route, service, ledger)
  const upstream = findUpstream(route, service, source, ledger)
  if (upstream === null) return null
  return {
    value: {
      ...pick(route, ['id', 'name', 'desc', 'uri', 'uris', 'host', 'hosts', 'methods', 'priority']),
      ...hosts === null ? {} : pick(hosts, ['hosts']),
      upstream: translateUpstream(route, upstream, ledger),
      ...block === null ? {} : { plugins: { [PLUGIN]: block } }
    },
    originOf: createOrigin(route, { hosts, upstream, guard })
  }
}
