import type { Path } from '../../configuration/positions.ts'
import { headersOf } from './headers.ts'
import { addressProblem, serverUpstream, socketUpstream, uriOf } from './native-upstream.ts'
import type { Context } from './row.ts'

type Parts = Omit<Context, 'path'>

const KINDS = 'http://, https://, unix://, file:// and static://'
/** What the gateway answers itself. */
const LOCAL = /^(?:static|file):/

function upstreamOf (url: URL, { settings }: Parts): unknown {
  return serverUpstream(url, {
    passHost: settings.flag('pass_host_header', true),
    skipsVerification: settings.flag('ssl_upstream_insecure_skip_verify', false),
    readTimeout: settings.find('upstream_timeout') === null ? null : settings.duration('upstream_timeout', 0)
  })
}

function problemOf (text: string): string | null {
  if (!URL.canParse(text)) return 'must be a URL'
  const url = new URL(text)
  const { protocol, hash } = url
  if (protocol === 'file:') return hash === '' || hash.startsWith('#/') ? null : 'must have a path that begins with / behind #'
  if (protocol === 'static:' || protocol === 'unix:') return null
  if (protocol !== 'http:' && protocol !== 'https:') return `must be a URL that begins with ${KINDS}`
  return addressProblem(url)
}

/** The path that requests ask for stands behind #, or is that of the folder. */
function translateFiles (text: string, path: Path, { ledger }: Parts): { readonly pathname: string, readonly upstream: string } {
  const [folder = '', asked = ''] = text.split(/#(.*)/s)
  const pathname = asked === '' ? new URL(folder).pathname : asked
  ledger.approximate(path, `is the route ${uriOf(pathname)} here, for GET and HEAD: folders are not listed, and names that begin with a dot are not served`)
  return { pathname, upstream: folder }
}

/** What does not depend on a path stands at the root. */
function translateOne (text: string, path: Path, parts: Parts): { readonly pathname: string, readonly upstream: unknown } {
  const { ledger } = parts
  if (text.startsWith('unix:')) {
    ledger.exact(path, 'is the route /* here')
    return { pathname: '/', upstream: socketUpstream(text) }
  }
  const url = new URL(text)
  if (url.protocol === 'file:') return translateFiles(text, path, parts)
  if (url.protocol !== 'static:') {
    ledger.exact(path, `is the route ${uriOf(url.pathname)} here`)
    return { pathname: url.pathname, upstream: upstreamOf(url, parts) }
  }
  const status = /^\d+$/.test(url.host) ? url.host : '200'
  ledger.approximate(path, `is the route /* here, with the status ${status} and an answer of this gateway`)
  return { pathname: '/', upstream: `static://${status}` }
}

/** Each upstream is a route: its path says which requests it gets, and is no part of where they go. */
export function translateUpstreams (parts: Parts): void {
  const { settings, ledger, draft } = parts
  const setting = settings.find('upstreams')
  const texts = settings.list('upstreams')
  if (texts.length === 0) {
    ledger.note([], 'has no upstreams: after a login each request is answered 404')
    if (setting !== null) ledger.exact(setting.path, 'is empty')
    return draft.addRoute({ uri: '/*', upstream: 'static://404' }, settings.pathOf('upstreams'))
  }
  const headers = headersOf(parts)
  const taken = new Set<string>()
  texts.forEach((text, index) => {
    const path: Path = [...setting?.path ?? [], String(index)]
    const problem = problemOf(text)
    if (problem !== null) return ledger.refuse(path, problem)
    const { pathname, upstream } = translateOne(text, path, parts)
    if (taken.has(pathname)) return ledger.refuse(path, 'has the path of an earlier one')
    taken.add(pathname)
    draft.addRoute({ uri: uriOf(pathname), upstream, headers: LOCAL.test(String(upstream)) ? { response: headers.response } : headers }, path)
  })
  if (settings.find('upstream_timeout') !== null) ledger.approximate(settings.pathOf('upstream_timeout'), 'is timeout.read here, which also holds between two parts of an answer')
}
