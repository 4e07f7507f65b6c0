import { formatPath } from 'fastify-oidc-session-store'
import type { Imported } from '../imported.ts'
import type { ForeignFormat } from '../origins.ts'
import { findReversed } from '../precedence.ts'
import { Ledger } from '../report.ts'
import { judgeGlobalRules, type PluginChoices } from './plugins.ts'
import { matchesOf, PRECEDENCE } from './precedence.ts'
import { translateRoute, type TranslatedRoute } from './route.ts'
import { translateSecrets } from './secrets.ts'
import { readSource, type ApisixSource } from './source.ts'
import { translateVariables } from './variables.ts'

const LISTEN = 'does not say where to listen, which is in APISIX\'s config.yaml: the gateway listens at 127.0.0.1:4180, unless --listen, or "listen" of a native file, says otherwise'
const NO_END = 'has no #END line: APISIX would not read it'

function judgeUnused ({ services, upstreams, pluginConfigs }: ApisixSource, ledger: Ledger): void {
  for (const { path } of [...services.values(), ...upstreams.values(), ...pluginConfigs.values()]) {
    if (!ledger.isJudged(path)) ledger.exact(path, 'is not used by any route, and left out')
  }
}

function judgePrecedence (routes: readonly TranslatedRoute[], ledger: Ledger): void {
  for (const [first, second] of findReversed(routes.map(({ value }) => matchesOf(value)), PRECEDENCE)) {
    const other = formatPath(routes[first]?.originOf([]) ?? [])
    ledger.refuse(routes[second]?.originOf([]) ?? [], `would change its turn with ${other}: APISIX chooses between them by host, this gateway by path. Give both the same hosts, or paths that do not overlap.`)
  }
}

function noteIdle (ignored: readonly string[], ledger: Ledger): void {
  for (const name of ignored) if (!ledger.isNamed(name)) ledger.note([], `has no plugin ${name} in use, which --ignore-plugin names`)
}

/** Translates what APISIX reads. `hasEnd`: whether the text ends with `#END`; null where it need not. */
export function importApisix (root: unknown, { hasEnd, listen = null, ...choices }: PluginChoices & { readonly hasEnd: boolean | null, readonly listen?: ForeignFormat['listen'] }): Imported {
  const ledger = new Ledger()
  const source = readSource(translateVariables(root, [], ledger), ledger)
  const routes = source.routes.map(route => translateRoute(route, source, choices, ledger)).filter(route => route !== null)
  const secrets = translateSecrets(source.secrets, ledger)
  judgeGlobalRules(source.globalRules, choices, ledger)
  judgeUnused(source, ledger)
  judgePrecedence(routes, ledger)
  noteIdle(choices.ignored, ledger)
  if (listen === null) ledger.note([], LISTEN)
  if (hasEnd === false) ledger.note([], NO_END)
  return {
    // APISIX has no answer of its own for crawlers.
    value: { robots_txt: false, ...listen === null ? {} : { listen }, ...secrets.length === 0 ? {} : { secrets: secrets.map(({ value }) => value) }, routes: routes.map(({ value }) => value) },
    report: ledger.finish(root),
    originOf ([collection, index, ...rest]) {
      if (collection === 'secrets') return [...secrets[Number(index)]?.path ?? [], ...rest]
      return collection === 'routes' && index !== undefined ? routes[Number(index)]?.originOf(rest) ?? [] : []
    }
  }
}
