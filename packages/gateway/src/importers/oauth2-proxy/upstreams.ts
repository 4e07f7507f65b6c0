import type { Path } from '../../configuration/positions.ts'
import { NOT_YET, type Context } from './row.ts'

type Parts = Omit<Context, 'path'>

const KINDS: Readonly<Record<string, string>> = { 'file:': 'files', 'static:': 'fixed answers', 'unix:': 'unix sockets' }

function uriOf (pathname: string): string {
  return pathname.endsWith('/') ? `${pathname}*` : pathname
}

function upstreamOf (url: URL, { settings }: Parts): unknown {
  const passHost = settings.flag('pass_host_header', true)
  const insecure = url.protocol === 'https:' && settings.flag('ssl_upstream_insecure_skip_verify', false)
  const read = settings.find('upstream_timeout') === null ? null : settings.duration('upstream_timeout', 0)
  if (passHost && !insecure && read === null) return url.origin
  return {
    scheme: url.protocol.slice(0, -1),
    nodes: { [url.host]: 1 },
    pass_host: passHost ? 'pass' : 'node',
    ...insecure ? { tls: { verify: false } } : {},
    ...read === null ? {} : { timeout: { read } }
  }
}

function problemOf (text: string): string | null {
  if (!URL.canParse(text)) return 'must be a URL'
  const { protocol, username, password, search, hash } = new URL(text)
  const kind = KINDS[protocol]
  if (kind !== undefined) return `${NOT_YET}: upstreams are http:// and https://, not ${kind}`
  if (protocol !== 'http:' && protocol !== 'https:') return 'must be an http:// or https:// URL'
  if (username !== '' || password !== '') return 'must not have a name or a password in it'
  return search === '' && hash === '' ? null : 'must not have a query or a fragment'
}

/** Each upstream is a route: its path says which requests it gets, and is no part of where they go. */
export function translateUpstreams (parts: Parts): void {
  const { settings, ledger, draft } = parts
  const setting = settings.find('upstreams')
  const texts = settings.list('upstreams')
  if (texts.length === 0) return ledger.refuse(settings.pathOf('upstreams'), `is missing: to answer 404 after each login, as OAuth2 Proxy does, ${NOT_YET}`)
  const taken = new Set<string>()
  texts.forEach((text, index) => {
    const path: Path = [...setting?.path ?? [], String(index)]
    const problem = problemOf(text)
    if (problem !== null) return ledger.refuse(path, problem)
    const url = new URL(text)
    if (taken.has(url.pathname)) return ledger.refuse(path, 'has the path of an earlier one')
    taken.add(url.pathname)
    ledger.exact(path, `is the route ${uriOf(url.pathname)} here`)
    draft.addRoute({ uri: uriOf(url.pathname), upstream: upstreamOf(url, parts) }, path)
  })
  if (settings.find('upstream_timeout') !== null) ledger.approximate(settings.pathOf('upstream_timeout'), 'is timeout.read here, which also holds between two parts of an answer')
}
