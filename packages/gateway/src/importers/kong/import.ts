import type { Path } from '../../configuration/positions.ts'
import { PLUGIN } from '../../configuration/routes.ts'
import { isObject } from '../apisix/source.ts'
import type { Imported } from '../imported.ts'
import type { ForeignFormat } from '../origins.ts'
import { Ledger } from '../report.ts'
import { translateConsumers } from './consumers.ts'
import { translateConfig, type TranslatedBlock } from './openid-connect.ts'
import { GUARD, judgePlugins, pluginFor, translateAcl } from './plugins.ts'
import { planRoutes } from './routes.ts'
import { readKong, type Entity, type KongSource } from './source.ts'
import { judgeBeginnings, judgeTurns } from './turns.ts'
import { isUnset } from './values.ts'

/** What does not stand in the file. */
export interface KongChoices {
  readonly ignored: readonly string[]
  readonly listen: NonNullable<ForeignFormat['listen']> | null
  /** Where a plugin without routes is put: a path, and where its requests go. */
  readonly route: string | null
  readonly upstream: string | null
  /** The path that it is looked at for where that is not said: nothing is served. */
  readonly explained: string | null
}

interface Planned {
  readonly native: Readonly<Record<string, unknown>>
  readonly route: Entity | null
  readonly service: Entity | null
}

interface Written {
  readonly value: Readonly<Record<string, unknown>>
  readonly originOf: (path: Path) => Path
}

const LISTEN = 'does not say where to listen, which is in kong.conf: the gateway listens at 127.0.0.1:4180, unless --listen, or "listen" of a native file, says otherwise'
const BARE = 'has a plugin and no routes: --route PATH and --upstream URL say where it stands and where its requests go'

function isMapping ({ plugins }: KongSource): boolean {
  return plugins.some(({ value: { name, config } }) => name === GUARD && isObject(config) && (!isUnset(config.consumer_claim) || !isUnset(config.consumer_claims)))
}

function placeBare ({ route, upstream, explained }: KongChoices, ledger: Ledger): { readonly route: string, readonly upstream: string } | null {
  if (route !== null && upstream !== null) {
    ledger.note([], `has a plugin and no routes: it guards ${route === '/' ? '/*' : `${route} and what is below it`}, as --route says, and paths are not stripped`)
    return { route, upstream }
  }
  if (explained === null) {
    ledger.refuse([], BARE)
    return null
  }
  ledger.note([], 'has a plugin and no routes: it is looked at as if it guarded what --route asks for')
  return { route: explained, upstream: 'http://localhost' }
}

/** Files of one plugin know their route by its id alone. */
function planBare (choices: KongChoices, ledger: Ledger): Planned[] {
  const place = placeBare(choices, ledger)
  if (place === null) return []
  const plain = place.route.replace(/\/+$/, '')
  const { upstream } = place
  return [{ native: { uris: plain === '' ? ['/*'] : [plain, `${plain}/*`], upstream: { nodes: { [URL.canParse(upstream) ? new URL(upstream).host : upstream]: 1 }, ...upstream.startsWith('https:') ? { scheme: 'https' } : {}, pass_host: 'node' } }, route: null, service: null }]
}

class Importer {
  readonly #source: KongSource
  readonly #ledger: Ledger
  readonly #consumers: ReadonlyArray<Record<string, unknown>>
  readonly #blocks = new Map<Entity, TranslatedBlock>()

  constructor (source: KongSource, ledger: Ledger) {
    this.#source = source
    this.#ledger = ledger
    this.#consumers = translateConsumers(source, isMapping(source), ledger)
  }

  /** The same plugin guards all its routes. */
  #blockOf (plugin: Entity): TranslatedBlock {
    const { value: { config }, path } = plugin
    const known = this.#blocks.get(plugin) ?? translateConfig({ value: isObject(config) ? config : {}, path: [...path, 'config'] }, this.#consumers, this.#ledger)
    this.#blocks.set(plugin, known)
    return known
  }

  write ({ native, route, service }: Planned): Written {
    const isBare = route === null
    const guard = pluginFor(GUARD, this.#source, route, service, isBare)
    const acl = pluginFor('acl', this.#source, route, service, isBare)
    const around = route?.path ?? []
    if (guard === null) {
      if (acl !== null) this.#ledger.refuse(acl.path, 'stands before routes without openid-connect, which nobody has groups at')
      return { value: native, originOf: () => around }
    }
    const translated = this.#blockOf(guard)
    const block = { ...translated.block }
    if (acl !== null) translateAcl(acl, block, this.#ledger)
    return { value: { ...native, plugins: { [PLUGIN]: block } }, originOf: ([first, second, ...rest]) => first === 'plugins' && second === PLUGIN ? translated.originOf(rest) : around }
  }
}

/** Translates a file of decK, or what was sent to Kong's Admin API. */
export function importKong (root: unknown, choices: KongChoices): Imported {
  const ledger = new Ledger()
  const source = readKong(root, ledger)
  judgePlugins(source, choices.ignored, ledger)
  const planned = planRoutes(source, ledger)
  const isBare = source.routes.length === 0
  if (!isBare && (choices.route !== null || choices.upstream !== null)) ledger.note([], 'has routes of its own: --route and --upstream have no effect')
  const importer = new Importer(source, ledger)
  const written = (isBare ? planBare(choices, ledger) : planned).map(plan => importer.write(plan))
  const turns = planned.map(({ route, path }, index) => ({ route, path, native: written[index]?.value ?? {} }))
  judgeTurns(turns, ledger)
  judgeBeginnings(turns, ledger)
  if (choices.listen === null) ledger.note([], LISTEN)
  return {
    // Kong has no answer of its own for crawlers.
    value: { robots_txt: false, ...choices.listen === null ? {} : { listen: choices.listen }, routes: written.map(({ value }) => value) },
    report: ledger.finish(root),
    originOf ([collection, index, ...rest]) {
      return collection === 'routes' && index !== undefined ? written[Number(index)]?.originOf(rest) ?? [] : []
    }
  }
}
