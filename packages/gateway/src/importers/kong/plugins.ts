import { nearestName } from 'fastify-oidc-session-store'
import { isObject, type Located } from '../apisix/source.ts'
import { dissolved, judgeMembers, leftOut, onlyAs, same, type Judge } from '../apisix/members.ts'
import type { Ledger } from '../report.ts'
import { requireClaims } from './row.ts'
import { namesOf, type Entity, type KongSource } from './source.ts'
import { isUnset, readFlag, readList } from './values.ts'

export const GUARD = 'openid-connect'
const GROUPS = 'acl'
const FOR_PEOPLE = 'it is for people and tools'

const PLUGIN: Readonly<Record<string, Judge>> = {
  name: same,
  config: () => {},
  id: dissolved('is the name that others know it by'),
  instance_name: dissolved('is the name that others know it by'),
  enabled: dissolved('is looked at'),
  route: dissolved('says which routes it is for'),
  service: dissolved('says which routes it is for'),
  consumer: onlyAs(value => value === null, 'is for one consumer, which has no counterpart'),
  consumer_group: onlyAs(value => value === null, 'is for some consumers, which has no counterpart'),
  protocols: leftOut('http and https are served alike'),
  tags: leftOut(FOR_PEOPLE),
  created_at: leftOut(FOR_PEOPLE),
  updated_at: leftOut(FOR_PEOPLE),
  ordering: onlyAs(value => value === null, 'changes the order of plugins, of which there is one here'),
  partials: onlyAs(value => isUnset(value), 'names a part that stands elsewhere: write it here'),
  condition: onlyAs(value => isUnset(value), 'decides which requests it looks at, which has no counterpart')
}

const isOn = ({ value }: Entity): boolean => readFlag(value.enabled) !== false

/** Looks at every plugin of the file, and at those that cannot be had. */
export function judgePlugins ({ plugins }: KongSource, ignored: readonly string[], ledger: Ledger): void {
  for (const plugin of plugins) {
    const { value, path, consumer } = plugin
    const name = String(value.name)
    if (!isOn(plugin)) ledger.exact(path, 'is disabled, and left out')
    else if (name !== GUARD && name !== GROUPS) {
      const meant = nearestName(name, [GUARD])
      if (ignored.includes(name)) ledger.approximate(path, 'is left out, as --ignore-plugin says')
      else ledger.refuse(path, `is ${name}, which has no counterpart: what it does to requests would be missing. --ignore-plugin ${name} leaves it out.${meant === null ? '' : ` Did you mean ${meant}?`}`)
    } else if (consumer !== null && value.consumer === undefined) ledger.refuse(path, 'is for one consumer, which has no counterpart')
    else judgeMembers(plugin, PLUGIN, ledger)
  }
}

function isFor (reference: string | null, owner: Located | null): boolean {
  return owner !== null && reference !== null && namesOf(owner).includes(reference)
}

/** Of a name, the one that holds for a route: its own, else that of its service, else one for all. */
export function pluginFor (name: string, { plugins }: KongSource, route: Located | null, service: Located | null, bare: boolean): Entity | null {
  const candidates = plugins.filter(plugin => plugin.value.name === name && isOn(plugin) && plugin.consumer === null)
  return candidates.find(plugin => isFor(plugin.route, route)) ?? candidates.find(plugin => plugin.route === null && isFor(plugin.service, service)) ?? candidates.find(plugin => bare || (plugin.route === null && plugin.service === null)) ?? null
}

const ACL = ['allow', 'deny', 'whitelist', 'blacklist', 'hide_groups_header', 'always_use_authenticated_groups', 'include_consumer_groups']

/** Claims that have something where the path leads. */
function presenceOf (path: unknown): Record<string, unknown> {
  return [path].flat().map(String).reduceRight<Record<string, unknown>>((inner, name) => ({ type: 'object', required: [name], properties: { [name]: inner } }), {})
}

/** Why a claim cannot decide in the place of what `acl` looks at; null: it can. */
function aclProblem ({ config }: Located['value'], block: Readonly<Record<string, unknown>>): string | null {
  if (!isObject(config)) return 'must be an object'
  if (block.groups_claim === undefined) return 'asks for groups of consumers: set authenticated_groups_claim of openid-connect, so that a claim holds them'
  if (block.allowed_groups !== undefined) return 'stands beside groups_required of openid-connect: write one allowed_groups in a native file'
  const mapsUsers = isObject(block.consumer) && block.consumer.claims !== undefined
  if (mapsUsers && readFlag(config.always_use_authenticated_groups) !== true) return 'looks at the acls of whoever is a consumer, and here a claim decides for everybody: set always_use_authenticated_groups, if that is meant'
  return null
}

/** `allow` and `deny` as requirements of groups that a claim holds. */
export function translateAcl (plugin: Entity, block: Record<string, unknown>, ledger: Ledger): void {
  const { value, path: around } = plugin
  const path = [...around, 'config']
  const problem = aclProblem(value, block)
  if (problem !== null) return ledger.refuse(path, problem)
  const config = value.config as Record<string, unknown>
  const allow = readList(config.allow ?? config.whitelist)
  const deny = readList(config.deny ?? config.blacklist)
  if (allow.length === 0 && deny.length === 0) return ledger.refuse(path, 'has neither allow nor deny')
  block.allowed_groups = { ...allow.length > 0 ? { any_of: allow } : {}, ...deny.length > 0 ? { none_of: deny } : {} }
  // Whose groups nobody knows does not pass in Kong, whatever is denied.
  if (allow.length === 0) requireClaims(block, presenceOf(block.groups_claim))
  for (const [name, value] of Object.entries(config)) {
    const at = [...path, name]
    if (!ACL.includes(name)) ledger.refuse(at, `is not an option of acl that this importer knows${nearestName(name, ACL) === null ? '' : `; did you mean ${nearestName(name, ACL) ?? ''}?`}`)
    else if (isUnset(value)) ledger.exact(at, 'is empty')
    else if (name === 'allow' || name === 'whitelist') ledger.exact(at, 'is allowed_groups.any_of here')
    else if (name === 'deny' || name === 'blacklist') ledger.exact(at, 'is allowed_groups.none_of here; whose groups nobody can tell is refused too')
    else if (name === 'hide_groups_header') ledger.approximate(at, 'is left out: groups of the claim are in X-Authenticated-Groups')
    else if (name === 'always_use_authenticated_groups') ledger.exact(at, 'is what this gateway does')
    else ledger.approximate(at, 'is left out: groups are those of the claim')
  }
}
