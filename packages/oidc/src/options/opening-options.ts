import type { OptionProblem } from 'fastify-oidc-session-store'
import { coversEverything, parseNetwork } from './address-list.ts'
import { parsePattern } from './path-pattern.ts'
import type { ResolvedOptions } from './schema.ts'
import { opensAnything, parseSkipRule } from './skip-rule.ts'

/** Whom the options let pass without a session, and where. */
export type OpeningOptions = Pick<ResolvedOptions, 'skip_auth_routes' | 'skip_auth_preflight' | 'trusted_ips'>

function checkEach (name: string, entries: readonly string[], parse: (entry: string) => { readonly kind: string, readonly message?: string }): OptionProblem[] {
  return entries.flatMap((entry, index) => {
    const { kind, message = '' } = parse(entry)
    return kind === 'problem' ? [{ path: [name, String(index)], message }] : []
  })
}

/** What is wrong with `skip_auth_routes`, `api_routes` and `trusted_ips`. */
export function checkOpenings ({ skip_auth_routes: rules = [], api_routes: patterns = [], trusted_ips: networks = [] }: ResolvedOptions): OptionProblem[] {
  return [
    ...checkEach('skip_auth_routes', rules, parseSkipRule),
    ...checkEach('api_routes', patterns, entry => parsePattern(entry, { ignoresCase: false })),
    ...checkEach('trusted_ips', networks, parseNetwork)
  ]
}

/** Rules that open more than somebody may have meant: a sentence for each. */
export function listWideOpenings ({ skip_auth_routes: written = [], trusted_ips: networks = [] }: OpeningOptions): string[] {
  const rules = written.map(parseSkipRule).flatMap(parsed => parsed.kind === 'rule' ? [parsed.rule] : [])
  return [
    ...rules.filter(rule => !rule.isNegated && opensAnything(rule)).map(rule => `skip_auth_routes has ${rule.written}, which opens every path${rule.method === null ? '' : ` to ${rule.method}`}: nobody has to log in there`),
    ...rules.filter(rule => rule.isNegated).map(rule => `skip_auth_routes has ${rule.written}, which opens every path that does not match, and each that comes later: name what is open instead`),
    ...networks.filter(coversEverything).map(network => `trusted_ips has ${network}, which is everybody: nobody has to log in`)
  ]
}
