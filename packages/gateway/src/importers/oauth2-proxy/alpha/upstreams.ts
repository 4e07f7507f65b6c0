import type { Path } from '../../../configuration/positions.ts'
import { uriProblem } from '../../../configuration/uri.ts'
import { findPlaceholder } from '../placeholders.ts'
import { addressProblem, serverUpstream, socketUpstream, uriOf } from '../native-upstream.ts'
import type { Context } from '../row.ts'
import type { AlphaDocument } from './document.ts'
import { readAlphaHeaders, type AlphaHeaders } from './headers.ts'
import { readRewrite } from './rewrite.ts'
import { readList, readMembers, type Member, type Members } from './members.ts'
import { providerOf, readRoot } from './settings.ts'

type Parts = Omit<Context, 'path'>
type Route = Readonly<Record<string, unknown>>
interface Directions {
  readonly request: AlphaHeaders
  readonly response: AlphaHeaders
}

const FIELDS = ['id', 'path', 'rewriteTarget', 'uri', 'insecureSkipTLSVerify', 'static', 'staticCode', 'flushInterval', 'passHostHeader', 'proxyWebSockets', 'timeout', 'disableKeepAlives']
const NOT_STATIC = ['uri', 'insecureSkipTLSVerify', 'flushInterval', 'passHostHeader', 'proxyWebSockets', 'timeout', 'disableKeepAlives', 'rewriteTarget']

function staticUpstream (members: Members, { ledger }: Parts): unknown {
  for (const name of NOT_STATIC) if (members.find(name) !== null) ledger.refuse(members.pathOf(name), 'has no effect beside static, and OAuth2 Proxy does not start with it')
  const code = members.read('staticCode', 'number') ?? 200
  if (code < 200 || code > 599) ledger.refuse(members.pathOf('staticCode'), 'must be a status, 200 to 599')
  members.settle('staticCode', 'is the status here')
  ledger.approximate(members.pathOf('static'), `is static://${code} here, with an answer of this gateway`)
  return `static://${code}`
}

/** What an upstream has beside its address. */
function judgeTransport (members: Members, { ledger }: Parts): void {
  if (members.read('proxyWebSockets', 'flag') === false) ledger.refuse(members.pathOf('proxyWebSockets'), 'must be true: WebSockets are passed on, on every route')
  members.settle('proxyWebSockets', 'is what this gateway does')
  if (members.read('flushInterval', 'duration') !== null) ledger.approximate(members.pathOf('flushInterval'), 'is left out: each part of an answer is passed on as it comes')
  if (members.read('disableKeepAlives', 'flag') === true) ledger.approximate(members.pathOf('disableKeepAlives'), 'is left out: connections to upstreams are used again')
  members.settle('disableKeepAlives', 'is what this gateway does')
}

function translateSocket (uri: string, members: Members, { ledger }: Parts): unknown {
  if (members.read('passHostHeader', 'flag') === false) ledger.refuse(members.pathOf('passHostHeader'), "must be true for a socket, which gets the caller's Host")
  if (members.find('timeout') !== null) ledger.refuse(members.pathOf('timeout'), 'must be left out for a socket')
  members.settle('uri', 'is upstream here')
  members.settle('passHostHeader', 'is what this gateway does')
  members.settle('insecureSkipTLSVerify', 'has no effect: it is for https')
  return socketUpstream(uri)
}

function translateServer (url: URL, members: Members, { ledger }: Parts): unknown {
  const problem = addressProblem(url)
  if (problem !== null) ledger.refuse(members.pathOf('uri'), problem)
  const passHost = members.read('passHostHeader', 'flag') ?? true
  const skipsVerification = members.read('insecureSkipTLSVerify', 'flag') ?? false
  const readTimeout = members.read('timeout', 'duration')
  members.settle('uri', url.pathname === '/' ? 'is upstream here' : 'is upstream here; its path is left out, as OAuth2 Proxy leaves it out')
  members.settle('passHostHeader', `is pass_host: ${passHost ? 'pass' : 'node'} here`)
  members.settle('insecureSkipTLSVerify', skipsVerification && url.protocol === 'https:' ? 'is tls.verify: false here' : 'has no effect: certificates of https are verified')
  if (readTimeout !== null) ledger.approximate(members.pathOf('timeout'), 'is timeout.read here, which also holds between two parts of an answer')
  return serverUpstream(url, { passHost, skipsVerification, readTimeout })
}

function folderUpstream (uri: string, members: Members, { ledger }: Parts): unknown {
  for (const name of ['insecureSkipTLSVerify', 'passHostHeader', 'timeout']) members.settle(name, 'has no effect: it is for servers')
  ledger.approximate(members.pathOf('uri'), 'is upstream here: folders are not listed, and files that begin with a dot are not there')
  return uri.replace(/\/+$/, '')
}

/** What is wrong with the address of an upstream; null: nothing. */
function uriTrouble (uri: string): string | null {
  const placeholder = findPlaceholder(uri)
  if (uri === '') return 'is missing'
  if (placeholder !== null) return `has the placeholder ${placeholder} in it: write what it stands for`
  if (/^unix:/i.test(uri)) return null
  if (!URL.canParse(uri)) return 'must be a URL'
  return ['http:', 'https:', 'file:'].includes(new URL(uri).protocol) ? null : 'must be a URL that begins with http://, https://, unix:// or file://'
}

/** null: it is refused. */
function dynamicUpstream (members: Members, parts: Parts): unknown {
  const { ledger } = parts
  const uri = members.read('uri', 'text') ?? ''
  judgeTransport(members, parts)
  if (members.find('staticCode') !== null) ledger.refuse(members.pathOf('staticCode'), 'is for static: true')
  const trouble = uriTrouble(uri)
  if (trouble !== null) {
    ledger.refuse(members.pathOf('uri'), trouble)
    return null
  }
  if (/^unix:/i.test(uri)) return translateSocket(uri, members, parts)
  return /^file:/i.test(uri) ? folderUpstream(uri, members, parts) : translateServer(new URL(uri), members, parts)
}

/** Which requests it gets, and the path that the upstream sees; null: it is refused. */
function placeOf (members: Members, { ledger }: Parts): Route | null {
  const path = members.read('path', 'text') ?? ''
  const target = members.read('rewriteTarget', 'text')
  if (target !== null) {
    const read = readRewrite(path, target)
    if (read === null) ledger.refuse(members.pathOf('rewriteTarget'), 'can be written where path is everything below one path, such as ^/app/(.*)$, and this the same with another beginning, such as /$1')
    else members.settle('rewriteTarget', 'is rewrite_prefix here')
    return read === null ? null : { uri: read.uri, rewrite_prefix: read.rewrite }
  }
  const problem = path === '' ? 'is missing' : uriProblem(path)
  if (problem !== null) ledger.refuse(members.pathOf('path'), problem)
  return problem === null ? { uri: uriOf(path) } : null
}

const answersItself = (upstream: unknown): boolean => /^(?:static|file):/i.test(String(upstream))

/** null: it is refused. */
function routeOf (members: Members, parts: Parts): Route | null {
  const place = placeOf(members, parts)
  const isStatic = members.read('static', 'flag') ?? false
  if (!isStatic) members.settle('static', 'is what this gateway does')
  const upstream = isStatic ? staticUpstream(members, parts) : dynamicUpstream(members, parts)
  if (place === null || upstream === null) return null
  if (place.rewrite_prefix !== undefined && answersItself(upstream) && !isStatic) parts.ledger.refuse(members.pathOf('rewriteTarget'), 'has no counterpart beside file://: name the folder that is meant')
  members.settle('path', `is the route ${String(place.uri)} here`)
  return { ...place, upstream }
}

function addRoutes (entries: readonly Member[], { request, response }: Directions, parts: Parts): void {
  const { ledger, draft } = parts
  const taken = { id: new Set<string>(), path: new Set<string>() }
  for (const entry of entries) {
    const members = readMembers(entry.input, entry.path, FIELDS, ledger)
    for (const name of ['id', 'path'] as const) {
      const text = members.read(name, 'text') ?? ''
      if (text === '' && name === 'id') ledger.refuse(members.pathOf(name), 'is missing')
      if (taken[name].has(text)) ledger.refuse(members.pathOf(name), `is the ${name} of an earlier one`)
      taken[name].add(text)
    }
    const route = routeOf(members, parts)
    members.settle('id', 'is id here')
    if (route === null) continue
    draft.addRoute({ id: members.read('id', 'text') ?? '', ...route, headers: answersItself(route.upstream) ? { response } : { request, response } }, entry.path)
  }
}

/** Routes with their headers, as the YAML has them. */
export function translateAlphaRoutes (alpha: AlphaDocument, parts: Parts): void {
  const { ledger, draft } = parts
  const root = readRoot(alpha, ledger)
  const provider = providerOf(root, ledger)
  const claims = provider?.read('additionalClaims', 'list') ?? []
  provider?.settle('additionalClaims', 'is what headers may have: each claim that a header names is looked for')
  const request = readAlphaHeaders(root.find('injectRequestHeaders'), claims, alpha, parts)
  const response = readAlphaHeaders(root.find('injectResponseHeaders'), claims, alpha, parts)
  const config = root.find('upstreamConfig')
  const members = config === null ? null : readMembers(config.input, config.path, ['proxyRawPath', 'upstreams'], ledger)
  if (members?.read('proxyRawPath', 'flag') === true) ledger.approximate(members.pathOf('proxyRawPath'), 'is left out: paths are passed on as they come, but those that could be taken for another one are refused')
  members?.settle('proxyRawPath', 'is left out: paths are passed on as they come')
  const entries = readList(members?.find('upstreams') ?? null, ledger)
  if (entries.length > 0) return addRoutes(entries, { request, response }, parts)
  const path: Path = members?.pathOf('upstreams') ?? ['upstreamConfig']
  ledger.note([], 'has no upstreams: after a login each request is answered 404')
  draft.addRoute({ uri: '/*', upstream: 'static://404', headers: { response } }, path)
}
