import { pathToFileURL } from 'node:url'
import { checkOptions, type OptionProblem } from 'fastify-oidc-session-store'
import { parseFolder } from './folder.ts'
import { problemAt, under } from './problems.ts'
import { nodeSchema, upstreamSchema, type UpstreamOptions } from './schema.ts'

export interface UpstreamNode {
  readonly origin: string
  readonly weight: number
}

/** Where a route's requests go, and how. */
export type Upstream =
  | { readonly kind: 'servers', readonly nodes: readonly UpstreamNode[], readonly options: UpstreamOptions }
  | { readonly kind: 'socket', readonly path: string, readonly options: UpstreamOptions }
  /** Files below a folder. */
  | { readonly kind: 'folder', readonly path: string }
  /** Always the same answer. */
  | { readonly kind: 'status', readonly status: number }

export type CheckedUpstream = { readonly kind: 'upstream', readonly upstream: Upstream } | { readonly kind: 'problems', readonly problems: readonly OptionProblem[] }

type Scheme = UpstreamOptions['scheme']

const HOST_AND_PORT = /^(?<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?<port>\d{1,5}))?$/

const failed = (path: readonly string[], message: string): CheckedUpstream => ({ kind: 'problems', problems: [problemAt(path, message)] })

function originOf (scheme: Scheme, host: string, port: number | null): string | null {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const url = `${scheme}://${bracketed}${port === null ? '' : `:${port}`}`
  return URL.canParse(url) ? new URL(url).origin : null
}

function parseSocket (text: string): CheckedUpstream {
  const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
  // sun_path has 108 bytes on Linux, and ends with a zero.
  if (!/^\/(?!\/)[^\0]*[^\0/]$/.test(path) || Buffer.byteLength(path) > 107) return failed([], 'must be unix: and the absolute path of a socket, at most 107 bytes')
  const { options } = checkOptions(upstreamSchema, { nodes: { localhost: 1 } })
  return { kind: 'upstream', upstream: { kind: 'socket', path, options } }
}

function parseFiles (text: string): CheckedUpstream {
  const folder = parseFolder(text)
  return folder.kind === 'problem' ? failed([], folder.message) : { kind: 'upstream', upstream: folder }
}

function parseStatus (text: string): CheckedUpstream {
  const status = Number(/^static:\/\/(?<status>\d{3})\/?$/.exec(text)?.groups?.status)
  return status >= 200 && status < 600 ? { kind: 'upstream', upstream: { kind: 'status', status } } : failed([], 'must be static:// and a status, 200 to 599')
}

const SCHEMES: Readonly<Record<string, (text: string) => CheckedUpstream>> = { 'http:': parseUrl, 'https:': parseUrl, 'unix:': parseSocket, 'file:': parseFiles, 'static:': parseStatus }

function parseText (text: string): CheckedUpstream {
  const scheme = text.slice(0, text.indexOf(':') + 1).toLowerCase()
  if (scheme === '') return failed([], 'is not a URL')
  const parse = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined
  return parse === undefined ? failed([], `must be an ${Object.keys(SCHEMES).join(', ')} URL`) : parse(text)
}

function parseUrl (text: string): CheckedUpstream {
  if (!URL.canParse(text)) return failed([], 'is not a URL')
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return failed([], 'must not contain a user name or a password')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') return failed([], 'must not have a path, a query or a fragment: requests keep their own')
  return parseObject({ scheme: url.protocol.slice(0, -1), nodes: { [url.host]: 1 } })
}

function nodeOfEntry (scheme: Scheme, address: string, weight: unknown): UpstreamNode | string {
  const { host, port } = HOST_AND_PORT.exec(address)?.groups ?? {}
  if (host === undefined) return 'must be named host:port'
  if (typeof weight !== 'number' || !Number.isInteger(weight) || weight < 0) return 'must be a weight: a whole number, 0 or more'
  const origin = originOf(scheme, host, port === undefined ? null : Number(port))
  return origin === null ? 'must be named host:port' : { origin, weight }
}

function checkNodeList (scheme: Scheme, list: readonly unknown[]): { nodes: UpstreamNode[], problems: OptionProblem[] } {
  const nodes: UpstreamNode[] = []
  const problems: OptionProblem[] = []
  list.forEach((entry, index) => {
    const checked = checkOptions(nodeSchema, entry)
    problems.push(...under([String(index)], checked.problems))
    if (checked.problems.length > 0) return
    const origin = originOf(scheme, checked.options.host, checked.options.port ?? null)
    if (origin === null) problems.push(problemAt([String(index), 'host'], 'must be a host name or an address'))
    else nodes.push({ origin, weight: checked.options.weight })
  })
  return { nodes, problems }
}

function checkNodes (scheme: Scheme, input: unknown): { nodes: UpstreamNode[], problems: OptionProblem[] } {
  if (Array.isArray(input)) return checkNodeList(scheme, input)
  if (input === null || typeof input !== 'object') return { nodes: [], problems: [problemAt([], 'must be { "host:port": weight } or a list of { host, port, weight }')] }
  const nodes: UpstreamNode[] = []
  const problems: OptionProblem[] = []
  for (const [address, weight] of Object.entries(input)) {
    const found = nodeOfEntry(scheme, address, weight)
    if (typeof found === 'string') problems.push(problemAt([address], found))
    else nodes.push(found)
  }
  return { nodes, problems }
}

function checkCrossFields (options: UpstreamOptions): OptionProblem[] {
  const problems: OptionProblem[] = []
  if (options.timeout.send !== undefined) problems.push(problemAt(['timeout', 'send'], 'is not available in this version: only connect and read are limited'))
  if (options.pass_host === 'rewrite' && options.upstream_host === undefined) problems.push(problemAt(['upstream_host'], 'is required where pass_host is "rewrite"'))
  if (options.pass_host !== 'rewrite' && options.upstream_host !== undefined) problems.push(problemAt(['upstream_host'], 'is only used where pass_host is "rewrite"'))
  if (options.tls !== undefined && options.scheme !== 'https') problems.push(problemAt(['tls'], 'is only used where scheme is "https"'))
  const { client_cert: certificate, client_key: key } = options.tls ?? {}
  if ((certificate === undefined) !== (key === undefined)) problems.push(problemAt(['tls', certificate === undefined ? 'client_cert' : 'client_key'], 'is required: client_cert and client_key belong together'))
  return problems
}

function parseObject (input: object): CheckedUpstream {
  const { options, problems } = checkOptions(upstreamSchema, input)
  const nodesMissing = problems.some(({ path }) => path[0] === 'nodes')
  const found = nodesMissing ? { nodes: [], problems: [] } : checkNodes(options.scheme, options.nodes)
  const all = [...problems, ...under(['nodes'], found.problems), ...(problems.length > 0 ? [] : checkCrossFields(options))]
  if (all.length > 0) return { kind: 'problems', problems: all }
  if (!found.nodes.some(({ weight }) => weight > 0)) return failed(['nodes'], 'needs at least one entry with a weight above 0')
  return { kind: 'upstream', upstream: { kind: 'servers', nodes: found.nodes, options } }
}

/** Reads a route's `upstream`. */
export function checkUpstream (input: unknown): CheckedUpstream {
  if (typeof input === 'string') return parseText(input)
  if (input === null || typeof input !== 'object' || Array.isArray(input)) return failed([], 'must be a URL, or an object with nodes')
  return parseObject(input)
}

/** As listings show it. */
export function formatUpstream (upstream: Upstream): string {
  switch (upstream.kind) {
    case 'servers': return upstream.nodes.map(({ origin, weight }) => upstream.nodes.length === 1 ? origin : `${origin} (${weight})`).join(', ')
    case 'socket': return `unix:${upstream.path}`
    case 'folder': return String(pathToFileURL(upstream.path))
    case 'status': return `static://${upstream.status}`
  }
}
