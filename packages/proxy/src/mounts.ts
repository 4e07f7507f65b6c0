import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { readPatterns, type MountPattern, type PathComparison } from './mount-pattern.ts'

/** Where one registration takes its requests from. */
export interface Mount {
  /** Below the prefix, as the router spells them. */
  readonly routes: readonly string[]
  readonly methods: readonly string[]
  readonly constraints: Readonly<Record<string, unknown>>
}

/** Whether a path that was routed to a mount could be another mount's for an upstream: that one may be guarded in another way. */
export type MountCheck = (path: string, raw: IncomingMessage) => boolean

interface Entry extends MountPattern {
  readonly mount: Mount
  readonly methods: ReadonlySet<string>
  readonly serves: (host: string) => boolean
}

/** Separators that are hidden or doubled, and parameters of segments, which some servers drop. */
const SUSPICIOUS = /\/\/|[\\;]|%(?:2f|5c|3b)/i
const PARAMETERS = /;[^/]*/g
const SLASHES = /\/{2,}/g

const mergeSlashes = (path: string): string => path.replace(SLASHES, '/')

/** Fastify has a prefix itself stand for its `/` too. */
function pathsOf (prefix: string, route: string): string[] {
  const path = mergeSlashes(`${prefix}${route}`)
  return route === '/' && path !== '/' ? [path, path.slice(0, -1)] : [path]
}

/** The router asks the closest constraint first: the more of them, and a name before an expression. */
function closenessOf ({ constraints }: Mount): string {
  return `${Object.keys(constraints).length}${Number(typeof constraints['host'] === 'string')}`
}

/** By the host alone: what else a route may be constrained by is taken for met. */
function hostTest ({ constraints }: Mount): (host: string) => boolean {
  const { host: wanted } = constraints
  if (typeof wanted === 'string') return host => host === wanted
  if (!(wanted instanceof RegExp)) return () => true
  const expression = new RegExp(wanted.source, wanted.flags.replace(/[gy]/g, ''))
  return host => expression.test(host)
}

function comparisonOf ({ initialConfig }: FastifyInstance): PathComparison {
  const { caseSensitive, ignoreTrailingSlash } = { ...initialConfig, ...initialConfig.routerOptions }
  return { ignoresCase: caseSensitive === false, ignoresTrailingSlash: ignoreTrailingSlash === true }
}

function entriesOf (fastify: FastifyInstance, mount: Mount): Entry[] {
  const comparison = comparisonOf(fastify)
  const { exposeHeadRoutes } = fastify.initialConfig as FastifyServerOptions
  const methods = new Set(mount.methods)
  if (methods.has('GET') && exposeHeadRoutes !== false) methods.add('HEAD')
  const serves = hostTest(mount)
  return mount.routes
    .flatMap(route => pathsOf(fastify.prefix, route))
    .flatMap(path => readPatterns(path, comparison))
    .map(({ expression, rank }) => ({ expression, rank: `${rank}${closenessOf(mount)}`, mount, methods, serves }))
}

/** What servers may read a path as; null: nobody can tell. */
function readingsOf (path: string): readonly string[] | null {
  try {
    const plain = decodeURIComponent(path).replaceAll('\\', '/')
    return [mergeSlashes(plain), mergeSlashes(plain.replace(PARAMETERS, ''))]
  } catch {
    return null
  }
}

/** Whether the first entry that takes a path, or one as good, is of another mount alone. */
function isAnothers (entries: readonly Entry[], mount: Mount, path: string, method: string, host: string): boolean {
  let rank: string | null = null
  for (const entry of entries) {
    if (rank !== null && entry.rank !== rank) return true
    const isOurs = entry.mount === mount
    const isAsked = isOurs || (entry.methods.has(method) && (entry.serves(host) || entry.mount.constraints['host'] === mount.constraints['host']))
    if (!isAsked || !entry.expression.test(path)) continue
    if (isOurs) return false
    rank = entry.rank
  }
  return rank !== null
}

const registries = new WeakMap<object, { mounts: number, readonly entries: Entry[] }>()

/** Enters a mount beside those of the same server. */
export function enterMount (fastify: FastifyInstance, mount: Mount): MountCheck {
  const registry = registries.get(fastify.server) ?? { mounts: 0, entries: [] }
  registries.set(fastify.server, registry)
  const { entries } = registry
  registry.mounts++
  entries.push(...entriesOf(fastify, mount))
  entries.sort((a, b) => a.rank < b.rank ? 1 : a.rank > b.rank ? -1 : 0)

  return (path, { method = '', headers }) => {
    if (registry.mounts === 1 || !SUSPICIOUS.test(path)) return false
    // As the router has it: an empty one is none.
    const host = headers.host || (headers[':authority'] as string | undefined) || ''
    return readingsOf(path)?.some(reading => isAnothers(entries, mount, reading, method, host)) ?? true
  }
}
