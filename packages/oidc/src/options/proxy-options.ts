import { isIPv6 } from 'node:net'
import type { OptionProblem } from 'fastify-oidc-session-store'
import type { ResolvedOptions } from './schema.ts'

const BASIC = /^Basic [A-Za-z0-9+/]+={0,2}$/i

const problem = (path: string, message: string): OptionProblem => ({ path: ['proxy_opts', path], message })

/** Logs show URLs, so no password belongs there; and a proxy has no path. */
function isProxyUrl (value: string): boolean {
  if (!URL.canParse(value)) return false
  const { username, password, pathname, search, hash } = new URL(value)
  return [username, password, search, hash].every(part => part === '') && pathname === '/'
}

function isHost (entry: string): boolean {
  return isIPv6(entry.replace(/^\[|\]$/g, '')) || !/[:/]/.test(entry)
}

/** What is wrong with `proxy_opts`. */
export function checkProxy ({ proxy_opts: proxy }: ResolvedOptions): OptionProblem[] {
  if (proxy === undefined) return []
  const problems: OptionProblem[] = []
  for (const name of ['http_proxy', 'https_proxy'] as const) {
    const url = proxy[name]
    if (url !== undefined && !isProxyUrl(url)) problems.push(problem(name, `must be http://<host>:<port> and nothing more: a name and a password belong in ${name}_authorization`))
    const authorization = proxy[`${name}_authorization`]
    if (authorization !== undefined && !BASIC.test(authorization)) problems.push(problem(`${name}_authorization`, 'must be Basic and the base64 of username:password'))
  }
  if (!(proxy.no_proxy ?? '').split(/[\s,]+/).every(isHost)) problems.push(problem('no_proxy', 'must be hosts with commas between them, without schemes, ports or networks'))
  return problems
}
