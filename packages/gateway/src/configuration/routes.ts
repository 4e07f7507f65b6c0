import { resolve } from 'node:path'
import { checkOidcOptions, type RoutePolicy } from 'fastify-oidc'
import { nearestName, type OptionProblem } from 'fastify-oidc-session-store'
import { checkHeaders, type AddedHeader } from './headers.ts'
import { ANY_HOST, hostProblem } from './hosts.ts'
import type { Method } from './methods.ts'
import type { Path } from './positions.ts'
import { problemAt, under } from './problems.ts'
import { fileProblem } from './readable-file.ts'
import type { ResolvedRoute } from './schema.ts'
import { checkUpstream, type Upstream } from './upstream.ts'
import { parseUri, uriProblem, type Uri } from './uri.ts'

/** What stands before a route. */
export type Protection =
  | { readonly kind: 'open' }
  | { readonly kind: 'oidc', readonly options: Readonly<Record<string, unknown>>, readonly policy: RoutePolicy }

/** Headers that a route adds. */
export interface AddedHeaders {
  readonly request: readonly AddedHeader[]
  readonly response: readonly AddedHeader[]
}

/** What the beginning of a path becomes. Neither ends in a slash, but `/` itself. */
export interface PathRewrite {
  readonly from: string
  readonly to: string
}

/** A route of the file, ready to be mounted. */
export interface GatewayRoute {
  /** Where it stands in the file: `['routes', '0']`. */
  readonly place: Path
  readonly uris: readonly Uri[]
  /** Host patterns, sorted; `*` alone where any host will do. */
  readonly hosts: readonly string[]
  /** null: all. */
  readonly methods: readonly Method[] | null
  readonly priority: number
  readonly upstream: Upstream
  /** null: the upstream sees the path that was asked for. */
  readonly rewrite: PathRewrite | null
  readonly headers: AddedHeaders
  readonly protection: Protection
}

export const PLUGIN = 'openid-connect'
const EMAILS = 'allowed_emails_file'

/** Options that may differ between routes that share a core. */
const POLICY_NAMES = ['unauth_action', 'cross_site', 'required_scopes', 'allowed_groups', 'required_groups', 'allowed_emails', 'allowed_email_domains', 'required_claims', 'acr_values', 'max_age', 'auth_methods'] as const satisfies ReadonlyArray<keyof RoutePolicy>

const isObject = (value: unknown): value is Record<string, unknown> => value !== null && typeof value === 'object' && !Array.isArray(value)

const unique = (texts: readonly string[]): string[] => [...new Set(texts)]

type Found<T> = { readonly value: T, readonly problems: readonly OptionProblem[] }

function checkUris ({ uri, uris }: ResolvedRoute): Found<Uri[]> {
  if (uri !== undefined && uris !== undefined) return { value: [], problems: [problemAt(['uris'], 'cannot stand beside uri')] }
  if (uri === undefined && uris === undefined) return { value: [], problems: [problemAt(['uri'], 'is required')] }
  const written = uri === undefined ? (uris ?? []).map((text, index) => ({ text, path: ['uris', String(index)] })) : [{ text: uri, path: ['uri'] }]
  const problems = written.flatMap(({ text, path }) => {
    const message = uriProblem(text)
    return message === null ? [] : [problemAt(path, message)]
  })
  return { value: problems.length > 0 ? [] : unique(written.map(({ text }) => text)).map(parseUri), problems }
}

function checkHosts ({ host, hosts }: ResolvedRoute): Found<string[]> {
  if (host !== undefined && hosts !== undefined) return { value: [], problems: [problemAt(['hosts'], 'cannot stand beside host')] }
  const written = host === undefined ? (hosts ?? []).map((text, index) => ({ text, path: ['hosts', String(index)] })) : [{ text: host, path: ['host'] }]
  const problems = written.flatMap(({ text, path }) => {
    const message = hostProblem(text)
    return message === null ? [] : [problemAt(path, message)]
  })
  const names = unique(written.map(({ text }) => text.toLowerCase().replace(/\.$/, ''))).sort()
  return { value: names.length === 0 ? [ANY_HOST] : names, problems }
}

const READING: readonly Method[] = ['GET', 'HEAD']

/** A folder is read, and nothing else. */
function checkMethods ({ methods }: ResolvedRoute, upstream: Upstream | null): Found<readonly Method[] | null> {
  if (upstream?.kind !== 'folder') return { value: methods === undefined ? null : unique(methods) as Method[], problems: [] }
  const others = (methods ?? []).flatMap((method, index) => (READING as readonly string[]).includes(method) ? [] : [problemAt(['methods', String(index)], 'is not for files: a folder takes GET and HEAD')])
  return { value: methods === undefined ? READING : unique(methods) as Method[], problems: others }
}

function checkAdded ({ headers }: ResolvedRoute, upstream: Upstream | null): Found<AddedHeaders> {
  const request = checkHeaders(headers?.request)
  const response = checkHeaders(headers?.response)
  const isLocal = upstream?.kind === 'folder' || upstream?.kind === 'status'
  const useless = isLocal && request.headers.length > 0 ? [problemAt(['headers', 'request'], 'has no meaning here: the gateway answers itself')] : []
  return {
    value: { request: request.headers, response: response.headers },
    problems: [...under(['headers', 'request'], request.problems), ...under(['headers', 'response'], response.problems), ...useless]
  }
}

const withoutSlash = (path: string): string => path.replace(/(?<=.)\/+$/, '')

function isUnder ({ path }: Uri, from: string): boolean {
  return from === '/' || withoutSlash(path) === from || path.startsWith(`${from}/`)
}

function checkRewrite ({ rewrite_prefix: written }: ResolvedRoute, uris: readonly Uri[], upstream: Upstream | null): Found<PathRewrite | null> {
  if (written === undefined) return { value: null, problems: [] }
  const rewrite = { from: withoutSlash(written.from), to: withoutSlash(written.to ?? '/') }
  const wrong = (['from', 'to'] as const).flatMap(name => {
    const message = uriProblem(rewrite[name])
    return message === null && !rewrite[name].includes('*') ? [] : [problemAt(['rewrite_prefix', name], message ?? 'must not contain *')]
  })
  const outside = uris.some(uri => !isUnder(uri, rewrite.from)) ? [problemAt(['rewrite_prefix', 'from'], 'must be the beginning of every uri')] : []
  const isLocal = upstream?.kind === 'folder' || upstream?.kind === 'status'
  return { value: rewrite, problems: [...wrong, ...outside, ...isLocal ? [problemAt(['rewrite_prefix'], 'has no meaning here: the gateway answers itself')] : []] }
}

function otherPluginProblem (name: string): string {
  const meant = nearestName(name, [PLUGIN]) === null ? '' : `; did you mean ${PLUGIN}?`
  return `is not a plugin of this gateway, which has only ${PLUGIN}${meant}`
}

function splitPolicy (options: Readonly<Record<string, unknown>>): { policy: RoutePolicy, rest: Record<string, unknown> } {
  const isPolicy = (name: string): boolean => (POLICY_NAMES as readonly string[]).includes(name)
  const entries = Object.entries(options)
  return {
    policy: Object.fromEntries(entries.filter(([name]) => isPolicy(name))),
    rest: Object.fromEntries(entries.filter(([name]) => !isPolicy(name)))
  }
}

/** A relative name is meant from the folder of the configuration. null: there is none, or what stands there is told of elsewhere. */
function locateFile (name: unknown, path: Path, directory: string): { readonly file: string, readonly problems: readonly OptionProblem[] } | null {
  if (typeof name !== 'string' || name === '') return null
  const file = resolve(directory, name)
  const message = fileProblem(file)
  return { file, problems: message === null ? [] : [problemAt(path, message)] }
}

/** Options that name files, with the whole names. */
function locateFiles ({ [EMAILS]: emailsName, consumer }: Readonly<Record<string, unknown>>, directory: string): Found<Record<string, unknown>> {
  const emails = locateFile(emailsName, [EMAILS], directory)
  const consumers = isObject(consumer) ? locateFile(consumer.file, ['consumer', 'file'], directory) : null
  return {
    value: { ...emails === null ? {} : { [EMAILS]: emails.file }, ...consumers === null || !isObject(consumer) ? {} : { consumer: { ...consumer, file: consumers.file } } },
    problems: [...emails?.problems ?? [], ...consumers?.problems ?? []]
  }
}

function checkProtection (plugins: unknown, directory: string): Found<Protection> {
  const open: Protection = { kind: 'open' }
  if (plugins === undefined) return { value: open, problems: [] }
  if (!isObject(plugins)) return { value: open, problems: [problemAt([], 'must be an object')] }
  const problems = Object.keys(plugins).filter(name => name !== PLUGIN).map(name => problemAt([name], otherPluginProblem(name)))
  if (!Object.hasOwn(plugins, PLUGIN)) return { value: open, problems }
  const block = plugins[PLUGIN]
  if (!isObject(block)) return { value: open, problems: [...problems, problemAt([PLUGIN], 'must be an object')] }
  const files = locateFiles(block, directory)
  const options = { security_profile: 'oauth2.1', ...block, ...files.value }
  const { policy, rest } = splitPolicy(options)
  const misplaced = Object.hasOwn(block, 'secrets') ? [problemAt([PLUGIN, 'secrets'], 'stands at the top of the file, for all routes')] : []
  return { value: { kind: 'oidc', options: rest, policy }, problems: [...problems, ...misplaced, ...under([PLUGIN], [...checkOidcOptions(options).problems, ...files.problems])] }
}

/** Reads one route whose shape is right. The route is null where something is wrong with it. */
export function checkRoute (input: ResolvedRoute, place: Path, directory: string): { readonly route: GatewayRoute | null, readonly problems: readonly OptionProblem[] } {
  const uris = checkUris(input)
  const hosts = checkHosts(input)
  const upstream = input.upstream === undefined ? { kind: 'problems' as const, problems: [problemAt([], 'is required')] } : checkUpstream(input.upstream)
  const methods = checkMethods(input, upstream.kind === 'upstream' ? upstream.upstream : null)
  const headers = checkAdded(input, upstream.kind === 'upstream' ? upstream.upstream : null)
  const rewrite = checkRewrite(input, uris.value, upstream.kind === 'upstream' ? upstream.upstream : null)
  const protection = checkProtection(input.plugins, directory)
  const problems = [
    ...uris.problems,
    ...hosts.problems,
    ...methods.problems,
    ...headers.problems,
    ...rewrite.problems,
    ...(upstream.kind === 'problems' ? under(['upstream'], upstream.problems) : []),
    ...under(['plugins'], protection.problems)
  ]
  if (problems.length > 0 || upstream.kind === 'problems') return { route: null, problems: under(place, problems) }
  return {
    route: { place, uris: uris.value, hosts: hosts.value, methods: methods.value, priority: input.priority ?? 0, upstream: upstream.upstream, rewrite: rewrite.value, headers: headers.value, protection: protection.value },
    problems: []
  }
}
