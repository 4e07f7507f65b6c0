import { nearestName } from 'fastify-oidc-session-store'
import { PLUGIN } from '../../configuration/routes.ts'
import type { Path } from '../../configuration/positions.ts'
import type { Ledger } from '../report.ts'
import { COMMON, dissolved, elsewhere, judgeMembers, onlyAs, refused, type Judge } from './members.ts'
import { isObject, type Located } from './source.ts'

/** What a person who imports has decided about plugins. */
export interface PluginChoices {
  /** Plugins that are left out whatever they do. */
  readonly ignored: readonly string[]
}

const isDisabled = ({ _meta: meta }: Located['value']): boolean => isObject(meta) && meta.disable === true

const META: Readonly<Record<string, Judge>> = {
  disable: dissolved('is not true, and changes nothing'),
  priority: (_value, path, ledger) => { ledger.exact(path, 'has no effect: there is one plugin') },
  error_response: refused('has no counterpart: answers of the gateway have bodies of its own'),
  filter: refused('decides which requests the plugin looks at, which has no counterpart'),
  pre_function: refused('is code, which has no counterpart')
}

function judgeMeta (block: Located, ledger: Ledger): void {
  const { _meta: meta } = block.value
  const path = [...block.path, '_meta']
  if (meta === undefined) return
  if (isObject(meta)) judgeMembers({ value: meta, path }, META, ledger)
  else ledger.refuse(path, 'must be an object')
}

function judgeOther (name: string, path: Path, choices: PluginChoices, ledger: Ledger): void {
  if (choices.ignored.includes(name)) ledger.approximate(path, 'is left out, as --ignore-plugin says')
  else {
    const meant = nearestName(name, [PLUGIN]) === null ? '' : ` Did you mean ${PLUGIN}?`
    ledger.refuse(path, `has no counterpart: what it does to requests would be missing. --ignore-plugin ${name} leaves it out.${meant}`)
  }
}

/** Looks at the plugins that hold for a route; answers the block of openid-connect that guards it. */
export function judgePlugins (plugins: ReadonlyMap<string, { readonly value: unknown, readonly path: Path }>, choices: PluginChoices, ledger: Ledger): Located | null {
  let guard: Located | null = null
  for (const [name, { value, path }] of plugins) {
    if (!isObject(value)) ledger.refuse(path, 'must be an object')
    else if (isDisabled(value)) ledger.exact(path, name === PLUGIN ? 'is disabled: it does not guard the route' : 'is disabled, and left out')
    else if (name !== PLUGIN) judgeOther(name, path, choices, ledger)
    else {
      guard = { value, path }
      judgeMeta(guard, ledger)
    }
  }
  return guard
}

/** Global rules are for every request, whatever its route. */
export function judgeGlobalRules (rules: readonly Located[], choices: PluginChoices, ledger: Ledger): void {
  const judgePlugin = (name: string, value: unknown, path: Path): void => {
    if (isObject(value) && isDisabled(value)) ledger.exact(path, 'is disabled, and left out')
    else if (name === PLUGIN) ledger.refuse(path, 'is for every request, which has no counterpart: write it in the routes')
    else judgeOther(name, path, choices, ledger)
  }
  for (const rule of rules) {
    const { plugins } = rule.value
    judgeMembers(rule, { ...COMMON, id: dissolved('has no effect'), plugins: isObject(plugins) ? elsewhere : onlyAs(value => value === null, 'must be an object') }, ledger)
    if (!isObject(plugins)) continue
    if (Object.keys(plugins).length === 0) ledger.exact([...rule.path, 'plugins'], 'is empty')
    for (const [name, value] of Object.entries(plugins)) judgePlugin(name, value, [...rule.path, 'plugins', name])
  }
}
