import type { FastifyRequest } from 'fastify'
import { createAddressList } from '../options/address-list.ts'
import type { OpeningOptions } from '../options/opening-options.ts'
import { opensPath, parseSkipRule, type SkipRule } from '../options/skip-rule.ts'
import { pathFormsOf } from './path-forms.ts'
import { callerAddress } from './trusted-peer.ts'

/** What a rule is asked about. null: nobody can tell, and no rule that looks at it opens. */
export interface Asked {
  readonly method: string | null
  /** Path and query, as the browser sees them. */
  readonly url: string | null
}

/** Requests that need no session, by `skip_auth_routes`, `skip_auth_preflight` and `trusted_ips`. */
export interface OpenRequests {
  /** The rule that lets a request pass, as it is written; null: none does. */
  ruleFor (request: FastifyRequest, asked: Asked): string | null
  /** Rules that may open a route, for whoever looks at them. */
  listFor (method: string, url: string): readonly string[]
}

const PREFLIGHT = 'skip_auth_preflight'
/** Of a route's path: parameters, wildcards, expressions. */
const VARIABLE = /[:*(]/

const nameOf = ({ written }: SkipRule): string => `skip_auth_routes: ${written}`

/** The request itself. */
export const askedOf = (request: FastifyRequest): Asked => ({ method: request.method, url: request.originalUrl })

const holdsFor = ({ method }: SkipRule, asked: string | null): boolean => method === null || method === asked

function findRule (rules: readonly SkipRule[], { method, url }: Asked): SkipRule | undefined {
  const candidates = url === null ? [] : rules.filter(rule => holdsFor(rule, method))
  if (candidates.length === 0) return undefined
  const forms = pathFormsOf(url ?? '')
  return candidates.find(rule => opensPath(rule, forms))
}

/** null: no rule is written. */
export function createOpenRequests ({ skip_auth_routes: written = [], skip_auth_preflight: preflight, trusted_ips: networks = [] }: OpeningOptions): OpenRequests | null {
  if (written.length === 0 && !preflight && networks.length === 0) return null
  const rules = written.map(parseSkipRule).flatMap(parsed => parsed.kind === 'rule' ? [parsed.rule] : [])
  const addresses = networks.length === 0 ? null : createAddressList(networks)

  function isTrusted (request: FastifyRequest): boolean {
    const address = addresses === null ? null : callerAddress(request)
    return address !== null && addresses?.covers(address) === true
  }

  return {
    ruleFor (request, asked) {
      if (preflight && asked.method === 'OPTIONS') return PREFLIGHT
      const rule = findRule(rules, asked)
      if (rule !== undefined) return nameOf(rule)
      return isTrusted(request) ? 'trusted_ips' : null
    },
    listFor (method, url) {
      const fitting = rules.filter(rule => holdsFor(rule, method) && (VARIABLE.test(url) || opensPath(rule, pathFormsOf(url))))
      return [
        ...preflight && method === 'OPTIONS' ? [PREFLIGHT] : [],
        ...fitting.map(nameOf),
        ...networks.length === 0 ? [] : [`trusted_ips: ${networks.join(', ')}`]
      ]
    }
  }
}
